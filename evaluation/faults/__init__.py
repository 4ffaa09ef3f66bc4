"""Plant single faults in the product's own code, and see which of them its tests notice."""
