"""Weights of a model that no training reaches."""
