"""Checks of the recipe's own Python files, which are read and never imported."""
