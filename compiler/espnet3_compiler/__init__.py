"""Compile one YAML manifest into a checked, runnable recipe."""
