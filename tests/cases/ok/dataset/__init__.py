"""The data set of the recipes with mistakes."""
