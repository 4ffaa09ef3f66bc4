"""The grammar of ${...}."""
