"""What items of the data are, in numbers, against what models take."""
