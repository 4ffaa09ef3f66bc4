"""Code of a lab."""
