"""Data sets that give their samples one after another, without a length: training reads them."""
