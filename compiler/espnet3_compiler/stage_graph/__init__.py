"""What stages read, write and need."""
