"""Mistakes in the code itself."""

import torch


class ReturnsNothing(torch.nn.Module):
    def forward(self, speech):
        speech.mean()


class Swallows(torch.nn.Module):
    def __init__(self, units: int = 32, **kwargs) -> None:
        super().__init__()
        self.units = units

    def forward(self, **batch):
        return batch["loss"] * self.units


class Joined(torch.nn.Module):
    def __init__(self, features: torch.nn.Module) -> None:
        super().__init__()
        self.features = features


async def count_later(report: str) -> None: ...


class Counter:
    def run(self, report: str) -> None: ...


class Measured(torch.nn.Module):
    def __init__(self, size: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.layer = torch.nn.Sequential(torch.nn.Linear(size, size), torch.nn.Dropout(dropout))

    def forward(self, speech):
        loss = self.layer(speech).mean()
        return loss, {"acc": loss.detach()}, 1


class Forgotten:
    def __init__(self) -> None:
        self.layer = torch.nn.Linear(4, 4)

    def forward(self, speech):
        return {"loss": self.layer(speech).mean()}


class Options:
    def __init__(self, size: int) -> None:
        self.size = size


class Endless(torch.utils.data.Sampler):
    def __init__(self, data) -> None:
        self.data = data

    def __iter__(self):
        yield 0


class Once:
    def __init__(self, data) -> None:
        self.data = data

    def batches(self):
        return self.data


def make_loader(data):
    return torch.utils.data.DataLoader(data)


def to_two_files(path: str) -> dict[str, str]:
    return {"onnx": path, "sizes": f"{path}.txt"}


class Printing:
    def on_train_epoch_end(self, trainer, module) -> None:
        print(trainer.callback_metrics)
