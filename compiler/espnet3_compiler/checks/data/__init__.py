"""The data of a recipe: its classes, the fields of an item, and what changes them."""
