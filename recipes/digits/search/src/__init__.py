"""A classifier of keywords, and the search for its settings."""
