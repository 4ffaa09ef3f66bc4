"""Bundles, their model cards, demos and uploads."""
