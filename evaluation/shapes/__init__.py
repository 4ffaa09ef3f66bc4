"""Sizes that do not fit, planted in the shipped recipes, and what ``--deep`` says to them."""
