"""Read ``run.py`` and the System that it launches as text: stages, roles, defaults."""
