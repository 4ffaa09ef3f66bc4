"""Signals, ranks, workers, locks and progress of processes."""
