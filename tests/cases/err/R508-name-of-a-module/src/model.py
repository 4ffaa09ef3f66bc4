from src.features import LogMell


class Net:
    def __init__(self, size: int): ...
