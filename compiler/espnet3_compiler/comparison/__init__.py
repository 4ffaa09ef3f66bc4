"""What differs between two recipes after composition."""
