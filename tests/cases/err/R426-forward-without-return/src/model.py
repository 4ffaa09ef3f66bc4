class Net:
    def __init__(self, size):
        self.size = size

    def forward(self, speech):
        self.size + 1
