"""Kills runs and compiles wherever they can be killed, and compares what they end with."""
