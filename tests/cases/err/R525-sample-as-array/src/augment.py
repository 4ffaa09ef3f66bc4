import random


class Gain:
    def __init__(self, low=0.5, high=1.5):
        self.low, self.high = low, high

    def __call__(self, waveform):
        return waveform * random.uniform(self.low, self.high)
