"""Items of the data, or made-up ones, and what the recipe makes of them."""
