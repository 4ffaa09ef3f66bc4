"""Translation of spoken digits."""
