"""Code of the recipe: never run by the benchmark, only read by the checkers."""
