"""A callback after validation."""

from lightning.pytorch.callbacks import Callback


class KeepLosses(Callback):
    def on_valid_epoch_end(self, trainer, pl_module):
        print(trainer.current_epoch)
