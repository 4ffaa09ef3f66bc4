"""Names that are declared."""
