"""Seeded mistakes in good recipes, and what the checker says to them."""
