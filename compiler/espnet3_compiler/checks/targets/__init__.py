"""Checks of what a `_target_` names and is given."""
