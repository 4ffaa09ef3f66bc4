"""What plain calls make in the code of a recipe: arrays, tensors, lists and numbers."""
