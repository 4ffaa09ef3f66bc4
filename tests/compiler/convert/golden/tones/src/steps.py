def gather(split: str, out: str) -> str:
    return out


class Tokens:
    def __init__(self, *, train: bool = False, **keys: object) -> None:
        self.train = train

    def __call__(self, sample: dict) -> dict:
        return sample
