"""From the command line to finished stages."""
