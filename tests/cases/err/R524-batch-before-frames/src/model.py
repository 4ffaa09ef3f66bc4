from torch import nn


class Net(nn.Module):
    def __init__(self, size, tokens=30):
        super().__init__()
        self.encoder = nn.LSTM(size, size, batch_first=True)
        self.head = nn.Linear(size, tokens)
        self.loss = nn.CTCLoss()

    def forward(self, feats, feats_lengths, text, text_lengths):
        log_probs = self.head(self.encoder(feats)[0]).log_softmax(-1)
        return self.loss(log_probs, text, feats_lengths, text_lengths)
