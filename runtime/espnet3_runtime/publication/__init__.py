"""Bundles and what is made of them."""
