"""What is read of the modules of a recipe only."""
