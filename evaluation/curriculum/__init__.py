"""Easy utterances first, against all utterances from the start."""
