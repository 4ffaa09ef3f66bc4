"""What a training tells the loggers beside its curves: settings, its end, and its scores."""
