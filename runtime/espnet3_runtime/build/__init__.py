"""What the compiler wrote, as the stages see it."""
