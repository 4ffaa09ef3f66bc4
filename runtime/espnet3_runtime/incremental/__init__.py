"""What stages read and made, and which are up to date."""
