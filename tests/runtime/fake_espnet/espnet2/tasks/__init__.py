"""A package in the form of ESPnet2: small enough for tests, with its traps."""
