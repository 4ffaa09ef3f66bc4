class Net:
    def __init__(self, size):
        self.size = size

    def forward(self, speech):
        return self.size
