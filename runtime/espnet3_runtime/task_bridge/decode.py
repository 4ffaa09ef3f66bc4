"""Decoding with ESPnet2's ``Speech2Text``, as provider and runner of the stage ``infer``."""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from torch import nn

from espnet3_runtime.build.model_node import TASK, is_task
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_runtime.task_bridge.config_file import write_config
from espnet3_runtime.task_bridge.importing import locate_task
from espnet3_runtime.task_bridge.options import find_task, key_path_of, merge_defaults
from espnet3_runtime.task_bridge.torchaudio import torchaudio_or_placeholder
from espnet3_runtime.weights import load_strictly, read_weights

if TYPE_CHECKING:
    from torch import Tensor

_SPEECH2TEXT = "espnet2.bin.asr_inference.Speech2Text"
_ASR = "espnet2.tasks.asr.ASRTask"
_SHORT = "TooShortUttError"
_log = logging.getLogger(__name__)


class Decoder(nn.Module):
    """A ``Speech2Text`` as a module: its model moves with it and gives it its parameters.

    Args:
        search: A ``Speech2Text``.
    """

    def __init__(self, search: Any) -> None:
        super().__init__()
        self.asr_model = search.asr_model
        self.search = search

    def forward(self, speech: "Tensor | list[Tensor]") -> list[Any]:
        """Return the hypotheses of an utterance, best first: text, tokens, ids, hypothesis.

        ``speech`` is float32 of shape ``(samples,)``, at the rate that the model was trained with;
        of a list of them, a list of such hypotheses is returned.
        """
        if isinstance(speech, list):
            return [self.search(one) for one in speech]
        found: list[Any] = self.search(speech)
        return found


def speech2text(
    model: Mapping[str, Any] | None,
    checkpoint: str | Path | None,
    device: str,
    *,
    train_config: str,
    beam_size: int = 20,
    ctc_weight: float = 0.5,
    penalty: float = 0.0,
    maxlenratio: float = 0.0,
    minlenratio: float = 0.0,
    nbest: int = 1,
    normalize_length: bool = False,
    lm_train_config: str | None = None,
    lm_file: str | None = None,
    lm_weight: float = 1.0,
    transducer_conf: dict[str, Any] | None = None,
    token_type: str | None = None,
    bpemodel: str | None = None,
    dtype: str = "float32",
) -> Decoder:
    """Make ESPnet2's ``Speech2Text`` for a trained model of ``ASRTask``.

    The weights are loaded strictly, unlike ESPnet2's own loading, which leaves a part that does
    not fit as it was initialised and reports nothing.

    Args:
        model: The model's node; its values replace those of ``train_config``, since paths of a
            bundle differ from those of the training.
        checkpoint: Weights in any form that ``infer`` reads; None keeps the initial ones.
        device: For example ``cpu`` or ``cuda:0``.
        train_config: ``config.yaml`` of the training, ``${stages.train.task_config}``.
        beam_size: Hypotheses that are kept at each step.
        ctc_weight: Of CTC against the decoder, 0 to 1.
        penalty: Added for each token.
        maxlenratio: Most tokens for each encoder frame; 0 means as many as frames.
        minlenratio: Fewest tokens for each encoder frame.
        nbest: How many hypotheses are returned.
        normalize_length: Whether scores are divided by the number of tokens.
        lm_train_config: ``config.yaml`` of a language model.
        lm_file: Its weights, loaded as strictly.
        lm_weight: Its weight.
        transducer_conf: Further arguments of the transducer's search.
        token_type: ``bpe``, ``char``, ``word`` …; None takes that of the model.
        bpemodel: The SentencePiece model; None takes that of the model.
        dtype: The type of numbers in the computation.

    Raises:
        UserError: ESPnet2 is not installed, refuses the settings, or the weights do not fit.
    """
    options = _training_options(train_config, model)
    settings: dict[str, Any] = {
        "beam_size": beam_size,
        "ctc_weight": ctc_weight,
        "penalty": penalty,
        "maxlenratio": maxlenratio,
        "minlenratio": minlenratio,
        "nbest": nbest,
        "normalize_length": normalize_length,
        "lm_train_config": lm_train_config,
        "lm_weight": lm_weight,
        "transducer_conf": transducer_conf,
        "token_type": token_type,
        "bpemodel": bpemodel,
        "dtype": dtype,
        "device": device,
    }
    if (token_type or options.get("token_type")) is None:
        raise UserError(
            "no token_type says how tokens become text",
            where="inference.provider.token_type",
            hint="give the model token_type: bpe and bpemodel: "
            "${stages.train_tokenizer.tokenizer_model}, or token_type: char or word",
        )
    decoder = Decoder(_make_speech2text(options, settings))
    if checkpoint is not None:
        load_strictly(decoder.asr_model, read_weights(Path(checkpoint)), checkpoint)
    if lm_file is not None:
        weights = read_weights(Path(lm_file))
        bare = {name.removeprefix("lm."): value for name, value in weights.items()}
        load_strictly(_language_model(decoder.search), bare, lm_file)
    return decoder.requires_grad_(requires_grad=False).eval()


class BestHypothesis:
    """The runner: the text, tokens and score of the best hypothesis of each item."""

    def __call__(
        self, model: Decoder, speech: "Tensor", speech_lengths: "Tensor", **_fields: Any
    ) -> list[dict[str, Any]]:
        """Return one result for each item.

        Args:
            model: From :func:`speech2text`.
            speech: float32 of shape ``(B, samples)``, at the rate that the model was trained with.
            speech_lengths: Samples of each item, shape ``(B,)``.
            **_fields: Other fields of the batch.
        """
        pairs = zip(speech, speech_lengths.tolist(), strict=True)
        return [_best_result(model, wave[:length]) for wave, length in pairs]


def _language_model(search: Any) -> nn.Module:
    """Return the language model of a search; each kind of search has another attribute for it."""
    for holder in (search.beam_search, search.beam_search_transducer):
        for found in (getattr(holder, "full_scorers", {}).get("lm"), getattr(holder, "lm", None)):
            if isinstance(found, nn.Module):
                return found
    raise UserError(
        "lm_file is given, and the search has no language model",
        where="inference.provider.lm_file",
        hint="give lm_train_config too",
    )


def _best_result(model: Decoder, wave: "Tensor") -> dict[str, Any]:
    try:
        text, tokens, _, hypothesis = model(wave)[0]
    except Exception as error:
        if type(error).__name__ != _SHORT:
            raise
        _log.warning("%d samples are too few for the model: the text is empty", len(wave))
        return {"text": "", "tokens": "", "score": 0.0}
    score = torch.as_tensor(hypothesis.score).item()
    return {"text": text or "", "tokens": " ".join(tokens), "score": float(score)}


def _training_options(train_config: str, model: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the config of a training, updated with the options of the model's node."""
    if model is None or not is_task(model):
        raise UserError(
            "Speech2Text decodes a model that a task builds",
            hint="give the stage the model that was trained (model: NAME)",
        )
    path = Path(train_config)
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f'"{path}" cannot be read: {error.strerror}') from error
    task, expected = find_task(model), locate_task(_ASR)
    if not (isinstance(task, type) and issubclass(task, expected)):
        raise UserError(
            f'Speech2Text decodes models of {_ASR}, not of "{model[TASK]}"',
            where=key_path_of(model),
            hint="write a provider of your own for this task",
        )
    updated = merge_defaults(task, model)
    return {**options, **{name: updated[name] for name in model if name != TASK}}


def _make_speech2text(options: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    from espnet3_runtime.config import to_plain

    make = locate_task(_SPEECH2TEXT)
    with tempfile.TemporaryDirectory(prefix="espnet3-task-") as folder:
        config = Path(folder) / "config.yaml"
        write_config(config, to_plain(options))
        try:
            with torchaudio_or_placeholder():
                return make(asr_train_config=config, asr_model_file=None, **settings)
        except UserError:
            raise
        except Exception as error:
            raise InstantiateError(
                f"{_SPEECH2TEXT} failed: {type(error).__name__}: {error}",
                where="inference.provider",
            ) from error
