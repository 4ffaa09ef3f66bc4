from torch import nn


class Net(nn.Module):
    def __init__(self, size: int):
        self.size = size
