"""Checks of the sizes that the layers of a recipe's own models give to one another."""
