"""``espnet3-compile --init NAME``: a recipe that runs, to start from."""
