"""A model that takes noise from speech."""
