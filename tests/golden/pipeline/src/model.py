"""A model of the golden recipe: only its signature is read."""


class Features:
    def __init__(self, n_mels: int = 80) -> None:
        self.n_mels = n_mels


class CTC:
    def __init__(self, features: Features, vocab_size: int, feats_stats: str | None = None) -> None:
        self.parts = (features, vocab_size, feats_stats)
