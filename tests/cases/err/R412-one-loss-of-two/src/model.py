"""A generator and a discriminator."""

from torch import nn


class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.generator = nn.Linear(size, size)
        self.discriminator = nn.Linear(size, 1)

    def forward(self, speech, **_):
        fake = self.discriminator(self.generator(speech)).mean()
        real = self.discriminator(speech).mean()
        return {"loss": {"generator": fake, "discriminator": real - fake}, "margin": real}
