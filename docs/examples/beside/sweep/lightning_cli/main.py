from itertools import product

from lightning.pytorch.cli import LightningCLI


def loss(lr, hidden):
    settings = [f"--model.init_args.lr={lr}", f"--model.init_args.hidden={hidden}"]
    cli = LightningCLI(run=False, args=["--config=config.yaml", *settings])
    cli.trainer.fit(cli.model, datamodule=cli.datamodule)
    return cli.trainer.checkpoint_callback.best_model_score.item()


if __name__ == "__main__":
    losses = {row: loss(*row) for row in product([0.001, 0.01], [8, 32])}
    for row in sorted(losses, key=losses.get):
        print(f"val_loss {losses[row]:.4f}  lr {row[0]}  hidden {row[1]}")
