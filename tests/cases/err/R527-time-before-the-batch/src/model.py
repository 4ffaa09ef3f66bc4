from torch import nn


class Net(nn.Module):
    def __init__(self, size, tokens=30):
        super().__init__()
        self.convolution = nn.Conv1d(size, size, 3, padding=1)
        self.encoder = nn.GRU(size, size)
        self.head = nn.Linear(size, tokens)

    def forward(self, feats, feats_lengths, text, text_lengths):
        hidden = self.convolution(feats.transpose(1, 2)).relu().transpose(1, 2)
        log_probs = self.head(self.encoder(hidden)[0]).log_softmax(-1).transpose(0, 1)
        return nn.functional.ctc_loss(log_probs, text, feats_lengths, text_lengths)
