"""A package of the recipe."""
