"""What a class or function takes, read from its text: nothing is ever imported."""
