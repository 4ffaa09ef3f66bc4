"""Batches of windows, and batches that are balanced over categories."""
