"""Names that a package gets while it is imported, or when they are asked for."""
