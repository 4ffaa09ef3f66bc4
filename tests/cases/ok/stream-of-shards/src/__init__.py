"""Code of the recipes with mistakes; it is read and never imported."""
