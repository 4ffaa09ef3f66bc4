"""Random crops."""
