"""Configs put together: defaults, bases, files, inline keys, overrides."""
