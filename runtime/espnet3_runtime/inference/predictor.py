"""From samples to results: preprocess, check, collate, run the model, check again.

The stage ``infer`` and a packed :class:`~espnet3_runtime.publication.model.InferenceModel` both
work through this module, so a bundle gives what the stage gave.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet3_runtime.build.instantiate import instantiate, parameters_of
from espnet3_runtime.build.lightning_classes import is_lightning_module
from espnet3_runtime.config import ConfigView
from espnet3_runtime.data.contract import Contract, accept_inputs, accept_outputs, read_contract
from espnet3_runtime.data.split_dataset import make_preprocessor
from espnet3_runtime.errors import UserError, did_you_mean, no_early_end
from espnet3_runtime.inference.device import move_batch, prepare_model
from espnet3_runtime.inference.runner import CallModel, PredictStep

Sample = Mapping[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True)
class Preparation:
    """The steps from a sample to the model's input; loader processes hold a copy.

    Attributes:
        preprocessor: Callable ``(utt_id, sample) -> sample``.
        contract: Its inputs are checked; None checks nothing.
        keys: Fields that the model is called with; None means all.
        collate: Makes a batch of ``[(utt_id, sample), …]``; None leaves the samples single.
    """

    preprocessor: Callable[[str, Any], Any] | None
    contract: Contract | None
    keys: tuple[str, ...] | None
    collate: Callable[[Any], tuple[list[str], Any]] | None

    def prepare(self, utt_id: str, sample: Sample) -> Sample:
        """Return the fields of a sample that the model is called with.

        Args:
            utt_id: Its id, for messages and the preprocessor.
            sample: By field; audio has shape ``(samples,)`` or ``(channels, samples)``, integers
                or floats in [-1, 1].

        Raises:
            UserError: An input is missing or does not fit the contract.
        """
        if self.contract is not None:
            sample = accept_inputs(self.contract.inputs, sample, utt_id)
        if self.preprocessor is not None:
            with no_early_end(f"the preprocessor of {utt_id}"):
                sample = self.preprocessor(utt_id, dict(sample))
        if self.keys is None:
            return sample
        return {key: sample[key] for key in self.keys if self._has_input(sample, key, utt_id)}

    def _has_input(self, sample: Sample, key: str, utt_id: str) -> bool:
        declared = self.contract.inputs if self.contract else ()
        if key not in sample and not any(one.optional for one in declared if one.name == key):
            raise UserError(
                f'{utt_id} has no field "{key}"; it has {", ".join(sample) or "none"}',
                where="input_key",
                hint=did_you_mean(key, list(sample)),
            )
        return key in sample

    def batch(self, items: Sequence[tuple[str, Sample]]) -> tuple[list[str], Any]:
        """Return the ids, and the batch or (without a collate function) the list of samples.

        A batch has tensors of shape ``(B, ...)`` by field.
        """
        if self.collate is None:
            return [utt_id for utt_id, _ in items], [dict(sample) for _, sample in items]
        with no_early_end(f"the collate function of the batch from {items[0][0]}"):
            utt_ids, batch = self.collate(list(items))
        self._refuse_lost_texts(items[0], batch)
        return list(utt_ids), batch

    def _refuse_lost_texts(self, item: tuple[str, Sample], batch: Any) -> None:
        """Refuse a text that the model is to be called with, and that a batch cannot hold."""
        for key in self.keys or ():
            if isinstance(item[1].get(key), str) and isinstance(batch, dict) and key not in batch:
                raise UserError(
                    f'the field "{key}" of {item[0]} is a text, and batches hold numbers only',
                    where="input_key",
                    hint="let a preprocessor make numbers of it, for example TextToTokens",
                )


@dataclass(frozen=True)
class Predictor:
    """A model with its preparation and runner; call :meth:`predict`.

    Attributes:
        preparation: The steps before the model.
        model: On its device, in evaluation mode.
        runner: Callable ``(model, **batch)`` that returns one mapping for each item.
        output_keys: The outputs that are kept; None keeps all.
        device: The device that batches are moved to.
    """

    preparation: Preparation
    model: Any
    runner: Callable[..., Any]
    output_keys: tuple[str, ...] | None
    device: str

    def predict(self, items: Sequence[tuple[str, Sample]], **options: Any) -> list[Result]:
        """Return one result for each ``(utt_id, sample)``, in order; options go to the runner."""
        prepared = [(utt_id, self.preparation.prepare(utt_id, item)) for utt_id, item in items]
        return self.run(*self.preparation.batch(prepared), **options)

    def run(self, utt_ids: Sequence[str], batch: Any, **options: Any) -> list[Result]:
        """Return one result for each item of a batch that :class:`Preparation` made.

        Args:
            utt_ids: Ids of the items.
            batch: Tensors of shape ``(B, ...)`` by field, or the list of samples where there is no
                collate function.
            **options: Further keyword arguments of the runner.

        Raises:
            UserError: The runner failed, or its results do not fit the config.
        """
        results = _as_results(self._call(utt_ids, batch, options), utt_ids)
        return [
            self._accept_result(utt_id, result)
            for utt_id, result in zip(utt_ids, results, strict=True)
        ]

    def _call(self, utt_ids: Sequence[str], batch: Any, options: Mapping[str, Any]) -> Any:
        import torch

        try:
            with torch.inference_mode():
                moved = move_batch(batch, self.device)
                if self.preparation.collate is None:
                    return self.runner(self.model, moved, **options)
                return self.runner(self.model, **moved, **options)
        except UserError:
            raise
        except Exception as error:
            hint = "make batch_size smaller" if isinstance(error, torch.OutOfMemoryError) else ""
            others = f" and {len(utt_ids) - 1} others" if len(utt_ids) > 1 else ""
            raise UserError(
                f"the runner failed on {utt_ids[0]}{others}: {type(error).__name__}: {error}",
                where="runner",
                hint=hint,
            ) from error

    def _accept_result(self, utt_id: str, result: Result) -> Result:
        for key in self.output_keys or ():
            if key not in result:
                raise UserError(
                    f'the runner gave no "{key}" for {utt_id}; it gave {", ".join(result)}',
                    where="output_keys",
                    hint=did_you_mean(key, list(result)),
                )
        if self.output_keys is not None:
            result = {key: result[key] for key in self.output_keys}
        contract = self.preparation.contract
        return accept_outputs(contract.outputs, result, utt_id) if contract else result


def declared_audio(contract: Contract | None, sample: Sample) -> tuple[Any, int] | None:
    """Return the first audio of a sample that the contract declares, and its rate in Hz."""
    for field in contract.inputs if contract else ():
        rate = sample.get("sample_rate") or field.sample_rate
        if field.kind == "audio" and rate and field.name in sample:
            return sample[field.name], int(rate)
    return None


def make_predictor(
    config: ConfigView, model: Mapping[str, Any] | None, device: str, checkpoint: Path | None
) -> Predictor:
    """Build preparation, model and runner from an inference config.

    Args:
        config: The inference config, late values filled in.
        model: The stage's model node, used when the config has no ``model`` of its own.
        device: The device that the model runs on.
        checkpoint: Weights for the provider.

    Raises:
        UserError: Something cannot be built, or the config does not say how to run the model.
    """
    contract = read_contract(config["contract"], f"{config.where}.contract")
    keys = _input_names(config["input_key"], contract)
    output_keys = tuple(config["output_keys"]) if config["output_keys"] else None
    preprocessor = make_preprocessor(config["dataset"], "test")
    built = _make_model(config, model, device, checkpoint)
    runner, collate = make_runner(config, built)
    preparation = Preparation(preprocessor, contract, keys, collate)
    return Predictor(preparation, built, runner, output_keys, device)


def make_runner(
    config: ConfigView, model: Any = None
) -> tuple[Callable[..., Any], Callable[[Any], Any] | None]:
    """Construct the runner of an inference config, and the collate function of its batches.

    A ``LightningModule`` with a ``predict_step`` of its own needs no runner.

    Raises:
        UserError: The config does not say how to run the model, or what it says is not constructed.
    """
    output_keys = tuple(config["output_keys"]) if config["output_keys"] else None
    if config["runner"] is not None:
        runner = instantiate(config["runner"])
        return runner, instantiate(config["dataloader"]["collate_fn"])
    if config["model"] is not None:
        return CallModel(output_keys), None
    if is_lightning_module(model):
        return PredictStep(output_keys), instantiate(config["dataloader"]["collate_fn"])
    raise UserError(
        "the config does not say how the model is run",
        where=f"{config.where}.runner",
        hint="write runner: {_target_: …}, a callable (model, **batch) that gives one mapping "
        "of outputs for each item",
    )


def _make_model(
    config: ConfigView, model: Mapping[str, Any] | None, device: str, checkpoint: Path | None
) -> Any:
    own, provider = config["model"], config["provider"]
    if own is not None:
        placed = "device" in parameters_of(own, own.where)
        built = instantiate(own, **({"device": device} if placed else {}))
        return _set_eval_mode(built, None if placed else device)
    supplied = {"model": model, "checkpoint": checkpoint, "device": device}
    taken = parameters_of(provider, provider.where) or set(supplied)
    # A node among the arguments would be instantiated before the provider sees it.
    flags = {"_recursive_": False, "_partial_": True}
    make = instantiate({**provider, **flags}, where=provider.where)
    return make(**{name: value for name, value in supplied.items() if name in taken})


def _set_eval_mode(built: Any, device: str | None) -> Any:
    """Prepare a module for inference; any other object that a config names is left as it is."""
    from torch import nn

    if not isinstance(built, nn.Module):
        return built
    return prepare_model(built, device)


def _input_names(input_key: Any, contract: Contract | None) -> tuple[str, ...] | None:
    if isinstance(input_key, str):
        return (input_key,)
    if input_key is not None:
        return tuple(input_key)
    return tuple(field.name for field in contract.inputs) if contract else None


def _as_results(value: Any, utt_ids: Sequence[str]) -> list[Result]:
    if not isinstance(value, list | tuple):
        raise UserError(
            f"the runner gave {type(value).__name__} for {len(utt_ids)} items; "
            "it gives a list with one mapping for each item",
            where="runner",
        )
    if len(value) != len(utt_ids):
        raise UserError(
            f"the runner gave {len(value)} results for {len(utt_ids)} items", where="runner"
        )
    for utt_id, result in zip(utt_ids, value, strict=True):
        if not isinstance(result, Mapping):
            raise UserError(
                f"the runner gave {type(result).__name__} for {utt_id}; "
                'it gives one mapping for each item, for example {"text": …}',
                where="runner",
            )
    return [dict(result) for result in value]
