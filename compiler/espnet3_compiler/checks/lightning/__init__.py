"""Code written for Lightning: modules, callbacks, loggers and their settings."""
