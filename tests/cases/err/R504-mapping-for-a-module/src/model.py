from torch import nn


class Frames(nn.Module):
    def __init__(self, size: int): ...


class Net(nn.Module):
    def __init__(self, features: nn.Module): ...
