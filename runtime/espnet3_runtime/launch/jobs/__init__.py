"""``run.py --jobs N``: stages side by side, each in a process of its own or a job of a cluster."""
