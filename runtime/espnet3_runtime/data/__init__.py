"""Datasets, preprocessing, collating and batching."""
