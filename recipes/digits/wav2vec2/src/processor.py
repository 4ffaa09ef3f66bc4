"""The processor of transformers on the samples of a corpus, and back from its logits to text."""

import numpy as np
import torch
from torch import nn
from transformers import Wav2Vec2Processor


class SpeechProcessor:
    """Preprocessor: speech and text become what ``Wav2Vec2ForCTC.forward`` is called with.

    Args:
        directory: Files of ``Wav2Vec2Processor.save_pretrained``.
    """

    def __init__(self, directory: str) -> None:
        self.processor = Wav2Vec2Processor.from_pretrained(directory, local_files_only=True)

    def __call__(self, sample: dict) -> dict:
        """Return ``input_values`` and ``attention_mask`` (samples,), and ``labels`` of a text.

        Args:
            sample: ``speech``, float32 (samples,) at the processor's rate, and perhaps ``text``.
        """
        rate = self.processor.feature_extractor.sampling_rate
        heard = self.processor(audio=sample["speech"], sampling_rate=rate, return_tensors="np")
        values = np.asarray(heard["input_values"][0], dtype=np.float32)
        # Boolean, so that the collate function pads it with False.
        fields = {"input_values": values, "attention_mask": np.ones(len(values), dtype=bool)}
        if "text" in sample:
            fields["labels"] = np.array(self.processor.tokenizer(sample["text"])["input_ids"])
        return fields


class GreedyDecoder:
    """Runner: the best symbol of every frame, put together by the tokenizer.

    Args:
        directory: Files of ``Wav2Vec2Processor.save_pretrained``.
    """

    def __init__(self, directory: str) -> None:
        self.processor = Wav2Vec2Processor.from_pretrained(directory, local_files_only=True)

    @torch.inference_mode()
    def __call__(
        self,
        model: nn.Module,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor,
        **_: object,
    ) -> list[dict[str, str]]:
        """Return ``{"text": words}`` for every item of a batch.

        Args:
            model: A ``Wav2Vec2ForCTC``.
            input_values: Normalised audio, shape (batch, samples).
            attention_mask: Whether a sample is no padding, shape (batch, samples).
        """
        best = model(input_values, attention_mask=attention_mask).logits.argmax(-1)
        counts = model._get_feat_extract_output_lengths(attention_mask.sum(-1))  # noqa: SLF001
        padding = self.processor.tokenizer.pad_token_id
        inside = torch.arange(best.shape[1], device=best.device) < counts[:, None]
        best = best.masked_fill(~inside, padding)
        return [{"text": text} for text in self.processor.batch_decode(best.cpu())]
