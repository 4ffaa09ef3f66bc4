"""Reports: one module for each format, each with a pure function ``render``."""
