"""Settings that contradict others, or have no effect."""
