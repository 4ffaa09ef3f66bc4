"""A callback after validation."""

from lightning.pytorch.callbacks import Callback


class KeepLosses(Callback):
    def on_valid_epoch_end(self, trainer, pl_module):  # espnet3: ignore R441 we call it
        print(trainer.current_epoch)
