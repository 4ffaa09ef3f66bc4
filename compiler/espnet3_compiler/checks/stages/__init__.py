"""What stages read, write and need, and in which order."""
