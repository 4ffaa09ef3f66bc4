"""The memory that a loader process takes for a large manifest."""
