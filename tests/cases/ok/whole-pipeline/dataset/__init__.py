"""The data set of a whole recipe."""
