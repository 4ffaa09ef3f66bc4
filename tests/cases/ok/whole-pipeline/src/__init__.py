"""Code of a whole recipe."""
