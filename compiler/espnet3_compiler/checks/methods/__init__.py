"""Methods and attributes of the recipe's code, by how the runtime and the recipe use them."""
