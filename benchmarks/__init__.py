"""What is compared with whom; each module is a command that prints its figures."""
