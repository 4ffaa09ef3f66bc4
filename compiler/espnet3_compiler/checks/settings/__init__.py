"""Settings of inference, metrics and demos that contradict others."""
