"""What is tried of a train stage."""
