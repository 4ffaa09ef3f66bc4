"""A stand-in for VERSA: the functions that its scorer calls, with scorers of a line each."""
