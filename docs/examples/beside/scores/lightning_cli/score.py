import json
from pathlib import Path

import torch

scores = {}
for name, batches in zip(["clean", "noisy"], torch.load("answers.pt"), strict=True):
    guess, label = (torch.cat([batch[key] for batch in batches]) for key in ("guess", "label"))
    scores[name] = 100 * (guess == label).float().mean().item()
Path("scores.json").write_text(json.dumps(scores))
print(scores)
