"""The plan of a build and its files."""
