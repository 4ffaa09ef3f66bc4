"""Values in the place of ${...}."""
