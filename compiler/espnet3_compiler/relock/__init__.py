"""A build made again from its lock."""
