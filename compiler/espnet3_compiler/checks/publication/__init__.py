"""What is published: bundles, demos, and secrets that must not be in them."""
