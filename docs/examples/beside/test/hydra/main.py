import hydra
import lightning.pytorch as pl
from hydra.utils import instantiate


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(config):
    pl.seed_everything(config.seed)
    model, data, trainer = map(instantiate, (config.model, config.data, config.trainer))
    trainer.fit(model, datamodule=data)
    trainer.test(datamodule=data, ckpt_path="best")


if __name__ == "__main__":
    main()
