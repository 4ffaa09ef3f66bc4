"""Mistakes written by hand, as people make them: in copies of the shipped recipes, and judged."""
