import torch


class Net(torch.nn.Module):
    """A model with the shape of those of transformers."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *model_args, **options):
        return cls()

    def forward(self, **batch):
        return {"loss": batch["speech"].mean()}
