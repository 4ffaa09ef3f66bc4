"""How quick the report of a large test set is, to write and to use in a browser."""
