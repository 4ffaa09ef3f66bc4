"""A packed model: load it anywhere, call it with audio."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import lookup, resolve_references
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.audio import read_audio
from espnet3_runtime.data.contract import Contract, read_contract
from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.device import pick_device
from espnet3_runtime.inference.predictor import Predictor, make_predictor
from espnet3_runtime.publication.bundle import CODE, INFERENCE, MODEL, WEIGHTS, Bundle, open_bundle
from espnet3_runtime.publication.isolated_imports import BundledCode
from espnet3_runtime.publication.recipe_code import collect_targets
from espnet3_runtime.publication.trust import check_trust
from espnet3_runtime.publication.untrusted_config import check_config
from espnet3_schemas.late_values import StageOutput

_OF_THE_STAGE = ("parallel",)
"""What a bundle's config lacks: how the stage ``infer`` ran is nothing of the model's."""

Audio = str | os.PathLike[str] | Any


@dataclass(frozen=True)
class InferenceModel:
    """A model with its preprocessing and decoding, as the stage ``infer`` ran it.

    >>> model = InferenceModel.from_packed("exp/recipe/pack_model/bundle", trust_user_code=True)
    >>> model("hello.wav")
    {'text': 'one two'}
    """

    bundle: Bundle
    config: ConfigView
    predictor: Predictor
    code: BundledCode

    @classmethod
    def from_packed(
        cls,
        directory: str | os.PathLike[str],
        *,
        trust_user_code: bool = False,
        device: str | None = None,
        verify: bool = True,
    ) -> "InferenceModel":
        """Load a bundle of ``pack_model`` from a directory.

        Args:
            directory: The bundle, wherever it was moved to.
            trust_user_code: Whether the code inside may run.  Without, only bundles that consist
                of torch's layers and parts of this runtime load.
            device: For example ``cpu`` or ``cuda:0``; None takes what the config says.
            verify: Whether to compare every file with its hash first.

        Raises:
            UserError: It is no whole and unaltered bundle, or its code is not trusted.
        """
        bundle = open_bundle(Path(directory), verify=verify)
        config, model = _read_configs(bundle)
        check_trust(bundle, collect_targets(config, model), trust_user_code)
        code = BundledCode(bundle.directory / CODE)
        chosen = pick_device(device or str(config["device"]))
        weights = bundle.path(WEIGHTS)
        checkpoint = weights if weights.is_file() else None
        if checkpoint is None and config["checkpoint"]:
            checkpoint = Path(config["checkpoint"])
        with code.active():
            predictor = make_predictor(config, model, chosen, checkpoint)
        return cls(bundle, config, predictor, code)

    @classmethod
    def from_pretrained(
        cls,
        tag: str,
        *,
        revision: str | None = None,
        trust_user_code: bool = False,
        device: str | None = None,
    ) -> "InferenceModel":
        """Download a bundle from the Hugging Face hub and load it.

        Args:
            tag: ``<owner>/<name>``.
            revision: Branch, tag or commit; give a commit with ``trust_user_code``, so that nobody
                can exchange the code that you read.
            trust_user_code: As in :meth:`from_packed`.
            device: As in :meth:`from_packed`.
        """
        from espnet3_runtime.publication.hub import download_repository

        directory = download_repository(tag, revision)
        return cls.from_packed(directory, trust_user_code=trust_user_code, device=device)

    @property
    def contract(self) -> Contract | None:
        """Return what goes in and out, when the recipe declares it."""
        return read_contract(self.config["contract"], "contract")

    @property
    def files(self) -> dict[str, Path]:
        """Return the files that the recipe packed by name (``pack_model.files``)."""
        named = self.bundle.meta.get("named", {})
        if not isinstance(named, dict) or not all(isinstance(n, str) for n in named.values()):
            raise UserError(f'the bundle "{self.bundle.directory}" names its files wrongly')
        return {name: self.bundle.path(place) for name, place in named.items()}

    def __call__(
        self, audio: Audio, sample_rate: int | None = None, **options: Any
    ) -> dict[str, Any]:
        """Return the outputs for one item, for example ``{"text": "one two"}``.

        Args:
            audio: Path of an audio file; an array of shape ``(samples,)`` or ``(channels,
                samples)``, integers or floats in [-1, 1]; or a mapping with all fields of a sample
                (``Path`` values are audio files).
            sample_rate: Of an array, in Hz; None: the one that the contract declares.
            **options: Further keyword arguments of the recipe's runner.

        Raises:
            UserError: The input does not fit the contract, or the model failed.
        """
        return self.forward_batch([audio], sample_rate, **options)[0]

    def forward_batch(
        self, items: Sequence[Audio], sample_rate: int | None = None, **options: Any
    ) -> list[dict[str, Any]]:
        """Return the outputs of several items, run together as one batch.

        Args:
            items: Each as in :meth:`__call__`.
            sample_rate: Of arrays, in Hz; None: the one that the contract declares.
            **options: Further keyword arguments of the recipe's runner.
        """
        samples = [
            (
                f"item{number}" if not isinstance(item, str | os.PathLike) else Path(item).name,
                sample,
            )
            for number, item in enumerate(items)
            for sample in [self._make_sample(item, sample_rate)]
        ]
        if not samples:
            return []
        with self.code.active():
            return self.predictor.predict(samples, **options)

    def _make_sample(self, item: Audio, sample_rate: int | None) -> Mapping[str, Any]:
        fields = item if isinstance(item, Mapping) else {self._audio_name(): item}
        sample: dict[str, Any] = {}
        for name, value in fields.items():
            is_file = isinstance(value, os.PathLike) or (fields is not item and _is_text(value))
            if is_file:
                sample[name], sample_rate = self._read(name, Path(value))
            else:
                sample[name] = value
        if sample_rate is not None and self.contract is not None:
            sample.setdefault("sample_rate", sample_rate)
        return sample

    def _read(self, name: str, path: Path) -> tuple[Any, int]:
        wave, rate = read_audio(path)
        # A recording is mono to a model that declares nothing else.
        if wave.ndim > 1 and not self._declares_channels(name):
            wave = wave.mean(axis=0)
        return wave, rate

    def _audio_name(self) -> str:
        fields = self.contract.inputs if self.contract else ()
        audio = [field.name for field in fields if field.kind == "audio"]
        if audio:
            return audio[0]
        if fields:
            raise UserError(
                f"this model takes no audio but {', '.join(field.name for field in fields)}",
                hint="pass a mapping: model({…})",
            )
        key = self.config["input_key"]
        return key if isinstance(key, str) else (key[0] if key else "speech")

    def _declares_channels(self, name: str) -> bool:
        fields = self.contract.inputs if self.contract else ()
        return any(
            field.name == name and (field.channels is not None or "channel" in str(field.normalize))
            for field in fields
        )


def _read_configs(bundle: Bundle) -> tuple[ConfigView, ConfigView | None]:
    config = bundle.config(INFERENCE)
    if config is None:
        raise UserError(f'the bundle "{bundle.directory}" lacks "{INFERENCE}"')
    model = bundle.config(MODEL)
    values = lookup(_no_stage, os.environ)
    late = bundle.late
    filled = resolve_references(config, late, values, "inference")
    check_config(filled, "inference", _OF_THE_STAGE, bundle.path(INFERENCE))
    bound = ConfigView(filled, "inference")
    if model is None:
        return bound, None
    return bound, ConfigView(resolve_references(model, late, values, "model"), "model")


def _no_stage(reference: StageOutput, where: str) -> str:
    raise UserError(f'the bundle refers to the stage "{reference.stage}"', where=where)


def _item_name(item: Audio, number: int) -> str:
    return Path(item).name if isinstance(item, str | os.PathLike) else f"item {number}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
