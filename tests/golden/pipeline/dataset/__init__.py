"""Data of the golden recipe; never built."""
