"""Tokens and labels that texts and frames become, and the models that count them."""
