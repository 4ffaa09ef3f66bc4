"""A packed model: load its bundle anywhere, and call it with what its contract says."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.build.late_values import lookup, resolve_references
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.audio import read_audio
from espnet3_runtime.data.contract import Contract, Field
from espnet3_runtime.errors import UserError
from espnet3_runtime.inference.device import pick_device
from espnet3_runtime.inference.predictor import Predictor, make_predictor
from espnet3_runtime.publication.bundle import CODE, INFERENCE, MODEL, WEIGHTS, Bundle, open_bundle
from espnet3_runtime.publication.isolated_imports import BundledCode
from espnet3_runtime.publication.meta_check import check_model
from espnet3_runtime.publication.trust import check_trust
from espnet3_runtime.publication.untrusted_config import check_config, check_texts
from espnet3_runtime.value_type import ValueType
from espnet3_schemas.late_values import StageOutput

_OF_THE_STAGE = ("parallel",)  # keys of the stage infer, absent from the config of a bundle

Item = str | os.PathLike[str] | Any
_FILE_KINDS = ("audio", "image", "table")
"""Kinds whose values may be paths of files."""


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
            trust_user_code: Whether the code inside may run.  If not, only bundles that consist of
                layers of torch and parts of this runtime load.
            device: For example ``cpu`` or ``cuda:0``; None takes that of the config.
            verify: Whether to compare every file with its hash first.

        Raises:
            UserError: The bundle is incomplete or altered, or its code is not trusted.
        """
        bundle = open_bundle(Path(directory), verify=verify)
        configs = {name: bundle.config(name) for name in (INFERENCE, MODEL)}
        foreign = check_trust(bundle, configs, trust_user_code)
        if not trust_user_code:
            check_texts(configs, bundle.directory)
        config, model = _resolve_configs(bundle, configs)
        code = BundledCode(bundle.directory / CODE if foreign else None)
        code.check_names()
        chosen = pick_device(device or str(config["device"]))
        weights = bundle.path(WEIGHTS)
        checkpoint = weights if weights.is_file() else None
        if checkpoint is None and config["checkpoint"]:
            checkpoint = Path(config["checkpoint"])
        if not trust_user_code:
            check_model(config["model"], model, checkpoint)
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
            revision: Branch, tag or commit; give a commit with ``trust_user_code``, so that the
                code cannot change after you read it.
            trust_user_code: As in :meth:`from_packed`.
            device: As in :meth:`from_packed`.
        """
        from espnet3_runtime.publication.hub import download_repository

        directory = download_repository(tag, revision)
        return cls.from_packed(directory, trust_user_code=trust_user_code, device=device)

    @property
    def contract(self) -> Contract | None:
        """Return the inputs and outputs, when the recipe declares them."""
        return self.predictor.preparation.contract

    @property
    def files(self) -> dict[str, Path]:
        """Return the files that the recipe packed by name (``pack_model.files``)."""
        named = self.bundle.meta.get("named", {})
        if not isinstance(named, dict) or not all(isinstance(n, str) for n in named.values()):
            raise UserError(f'the bundle "{self.bundle.directory}" names its files wrongly')
        return {name: self.bundle.path(inside) for name, inside in named.items()}

    def __call__(
        self, item: Item = None, sample_rate: int | None = None, **options: Any
    ) -> dict[str, Any]:
        """Return the outputs for one item, for example ``{"text": "one two"}``.

        ``model(speech=wave)`` gives inputs by name, as the stage ``infer`` does where a bundle is
        the ``model`` of its config.

        Args:
            item: The model's input by its kind in the contract: audio as the path of a file or an
                array of shape ``(samples,)`` or ``(channels, samples)``, integers or floats in
                [-1, 1]; an image as the path of a file, an image of Pillow, or an array of shape
                ``(height, width)`` or ``(height, width, 3)``, bytes or floats in [0, 1]; a text; a
                category; a number; a vector as a list or array; a table as a list of rows or the
                path of a CSV file; an own kind as its type takes it, or the path of such a file.
                Of several inputs, a mapping with all fields of a sample (``Path`` values of fields
                that no contract declares are audio files).
            sample_rate: Of an array of audio, in Hz; None means that of the contract.
            **options: Further keyword arguments of the recipe's runner.

        Raises:
            UserError: The input does not fit the contract, or the model failed.
        """
        if item is None:
            declared = {one.name for one in self._inputs} or set(self._input_keys)
            item = {name: options.pop(name) for name in sorted(declared & options.keys())}
        return self.forward_batch([item], sample_rate, **options)[0]

    def forward_batch(
        self, items: Sequence[Item], sample_rate: int | None = None, **options: Any
    ) -> list[dict[str, Any]]:
        """Return the outputs of several items, run together as one batch.

        Args:
            items: Each as in :meth:`__call__`.
            sample_rate: Of arrays, in Hz; None means that of the contract.
            **options: Further keyword arguments of the recipe's runner.
        """
        samples = [
            (self._name_item(item, number), self._make_sample(item, sample_rate))
            for number, item in enumerate(items)
        ]
        if not samples:
            return []
        with self.code.active():
            return self.predictor.predict(samples, **options)

    def _name_item(self, item: Item, number: int) -> str:
        is_path = isinstance(item, os.PathLike) or (
            isinstance(item, str) and self._only_input().kind in _FILE_KINDS
        )
        return Path(item).name if is_path else f"item{number}"

    def _make_sample(self, item: Item, sample_rate: int | None) -> Mapping[str, Any]:
        sample = dict(item) if isinstance(item, Mapping) else {self._only_input().name: item}
        kinds = {field.name: field.kind for field in self._inputs}
        types = {field.name: field.type for field in self._inputs}
        for name, value in list(sample.items()):
            own = types.get(name)
            if own and _is_file_of(own, value):
                with self.code.active():
                    sample[name] = own.read(Path(value))
                continue
            is_named = name in kinds or not isinstance(item, Mapping)
            is_path = isinstance(value, os.PathLike) or (isinstance(value, str) and is_named)
            if is_path and kinds.get(name, "audio") == "audio":
                sample[name], sample_rate = self._read(name, Path(value))
        if sample_rate is not None and self.contract is not None:
            sample.setdefault("sample_rate", sample_rate)
        return sample

    @property
    def _inputs(self) -> tuple[Field, ...]:
        return self.contract.inputs if self.contract else ()

    def _read(self, name: str, path: Path) -> tuple[Any, int]:
        wave, rate = read_audio(path)
        takes_channels = any(
            field.name == name and (field.channels is not None or "channel" in str(field.normalize))
            for field in self._inputs
        )
        # A recording is mono to a model that declares nothing else.
        return (wave if wave.ndim == 1 or takes_channels else wave.mean(axis=0)), rate

    def _only_input(self) -> Field:
        """Return the input that a value alone is: audio, or the only one that is needed."""
        fields = self._inputs
        needed = [field for field in fields if not field.optional] or list(fields)
        audio = [field for field in fields if field.kind == "audio"]
        if audio or len(needed) == 1:
            return (audio or needed)[0]
        if fields:
            shown = ", ".join(f'"{one.name}": …' for one in needed)
            raise UserError(
                f"this model takes {', '.join(f'{one.name} ({one.kind})' for one in fields)}",
                hint=f"pass a mapping: model({{{shown}}})",
            )
        return Field(name=(self._input_keys or ("speech",))[0], kind="audio")

    @property
    def _input_keys(self) -> tuple[str, ...]:
        key = self.config["input_key"]
        return (key,) if isinstance(key, str) else tuple(key or ())


def _is_file_of(own: ValueType, value: Any) -> bool:
    """Return whether a value is the path of a file that holds one of an own kind."""
    is_named = isinstance(value, str) and value.endswith(own.suffix)
    return bool(own.suffix) and (isinstance(value, os.PathLike) or is_named)


def _resolve_configs(
    bundle: Bundle, configs: Mapping[str, Any]
) -> tuple[ConfigView, ConfigView | None]:
    values = lookup(_no_stage, os.environ)
    config, model = (
        resolve_references(configs[name], bundle.late, values, where)
        for name, where in ((INFERENCE, "inference"), (MODEL, "model"))
    )
    if config is None:
        raise UserError(f'the bundle "{bundle.directory}" lacks "{INFERENCE}"')
    check_config(config, "inference", _OF_THE_STAGE, bundle.path(INFERENCE))
    return ConfigView(config, "inference"), None if model is None else ConfigView(model, "model")


def _no_stage(reference: StageOutput, where: str) -> str:
    raise UserError(f'the bundle refers to the stage "{reference.stage}"', where=where)
