"""Data sets whose epochs have no known length, for training: streams, and a shard an epoch."""
