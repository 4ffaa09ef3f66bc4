"""Metrics: score the results of inference against references."""
