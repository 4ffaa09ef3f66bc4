class Net:
    def __init__(self, size: int): ...


class Decoder:
    def __call__(self, model): ...


class Rate:
    def __call__(self, ref, hyp): ...
