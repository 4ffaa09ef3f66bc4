"""Everything between a config and Lightning."""
