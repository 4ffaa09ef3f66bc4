"""Batches of windows, folded ones, and such that are balanced over categories."""
