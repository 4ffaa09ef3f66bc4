class Dataset:
    def __init__(self, split: str) -> None
        pass
