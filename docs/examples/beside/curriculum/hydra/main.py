import hydra
import lightning.pytorch as pl
import torch
from hydra.utils import instantiate


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(config):
    pl.seed_everything(config.seed)
    model, data, trainer = map(instantiate, (config.model, config.data, config.trainer))
    if config.init_from:
        model.load_state_dict(torch.load(config.init_from)["state_dict"])
    trainer.fit(model, datamodule=data, ckpt_path="last")


if __name__ == "__main__":
    main()
