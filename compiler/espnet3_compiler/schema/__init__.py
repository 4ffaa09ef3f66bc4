"""Trees against JSON Schemas."""
