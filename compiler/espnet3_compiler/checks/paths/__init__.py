"""Files and paths of a recipe."""
