from pathlib import Path

import hydra
import lightning.pytorch as pl
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(config):
    pl.seed_everything(config.seed)
    model, data, trainer = map(instantiate, (config.model, config.data, config.trainer))
    trainer.fit(model, datamodule=data)
    job, loss = HydraConfig.get(), trainer.checkpoint_callback.best_model_score
    score = Path(job.runtime.output_dir, "score.txt")
    score.write_text(f"{loss:.4f} {job.job.override_dirname}\n")


if __name__ == "__main__":
    main()
