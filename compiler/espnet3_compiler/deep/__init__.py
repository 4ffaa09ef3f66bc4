"""--deep: the recipe's code is run in a process of its own."""
