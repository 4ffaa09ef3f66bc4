import torch


class Stats(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 4)

    def forward(self, speech, speech_lengths, text, text_lengths):
        loss = self.layer(speech).mean()
        return {"loss": loss, "stats": {"confidence": loss.exp()}, "weight": len(speech)}
