"""Values that constructors of classes refuse, as their code says it."""
