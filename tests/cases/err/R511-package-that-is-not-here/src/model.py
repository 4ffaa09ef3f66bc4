import speechbrain


class Net:
    def __init__(self, size: int): ...
