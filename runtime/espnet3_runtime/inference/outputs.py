"""Write one output of a model as the value of an SCP line, or as a file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from espnet3_runtime.build.instantiate import instantiate
from espnet3_runtime.data.audio import as_wave, write_wav
from espnet3_runtime.data.contract import Contract
from espnet3_runtime.errors import UserError
from espnet3_runtime.value_type import ValueType

SCALARS = (str, bool, int, float)
"""What is a line of an SCP file rather than a file of its own."""
_LONGEST_NAME = 200  # bytes of a file name; file systems end at 255


@dataclass(frozen=True)
class OutputFormat:
    """How one output is written.

    Attributes:
        type: ``wav``, ``npy`` or ``json``; empty chooses by the value.
        sample_rate: Of a WAV file, in Hz.
        writer: The node of a function ``(value, path)`` that writes the file instead.
        where: Its key path, for messages.
        own: The type of an own kind, which writes its files itself.
    """

    type: str = ""
    sample_rate: int | None = None
    writer: Mapping[str, Any] | None = None
    where: str = ""
    own: ValueType | None = None

    @property
    def is_declared(self) -> bool:
        """Whether the config asks for a file; otherwise the value decides."""
        return bool(self.type or self.writer)


@dataclass(frozen=True)
class WrittenOutput:
    """An output as JSON (``value``), or as a file (``file``, relative to the directory)."""

    value: Any = None
    file: str | None = None


def read_formats(
    artifacts: Mapping[str, Any], contract: Contract | None, where: str
) -> dict[str, OutputFormat]:
    """Return the formats that follow from ``output_artifacts`` and the kinds of the contract.

    Args:
        artifacts: ``output_artifacts`` of the inference config, by output.
        contract: The declared outputs; None when there is no contract.
        where: The key path of ``output_artifacts``, for messages.
    """
    kinds = {"audio": "wav", "array": "npy", "segments": "json", "table": "json"}
    fields = contract.outputs if contract is not None else ()
    rates = {field.name: field.sample_rate for field in fields}
    formats = {
        field.name: OutputFormat(kinds[field.kind], field.sample_rate, where=field.where)
        for field in fields
        if field.kind in kinds
    }
    formats |= {
        field.name: OutputFormat(field.type.suffix[1:], where=field.where, own=field.type)
        for field in fields
        if field.type and field.type.suffix
    }
    for name, node in artifacts.items():
        formats[name] = OutputFormat(
            type=node.get("type") or "",
            sample_rate=node.get("sample_rate") or rates.get(name),
            writer=node.get("writer"),
            where=f"{where}.{name}",
        )
    return formats


def write_output(
    directory: Path, name: str, utt_id: str, value: Any, chosen: OutputFormat
) -> WrittenOutput:
    """Keep a text or number as it is; write anything else below ``directory/name/``.

    Args:
        directory: The directory of the shard or test set.
        name: The output.
        utt_id: The id of the item, which the file is named after.
        value: A string, number or list of texts; or anything that the format can write, for example
            audio of shape ``(samples,)`` or ``(channels, samples)`` in [-1, 1].
        chosen: The format of the output.

    Raises:
        UserError: The value cannot be written in the chosen format.
    """
    if not chosen.is_declared:
        scalar = as_scalar(value)
        if isinstance(scalar, SCALARS):
            return WrittenOutput(value=scalar)
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return WrittenOutput(value=list(value))  # n-best
    path = directory / name / _file_name(utt_id, chosen, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        written = _write_file(path, value, chosen).relative_to(directory)
    except (TypeError, ValueError) as error:
        raise UserError(
            f'"{name}" of {utt_id} cannot be written as {chosen.type or path.suffix[1:]}: {error}',
            where=chosen.where,
        ) from error
    return WrittenOutput(file=written.as_posix())


def as_line(value: Any) -> str:
    """Return the value of an SCP line; of an n-best list the best, or an empty text."""
    return str((value or [""])[0] if isinstance(value, list) else value)


def as_scalar(value: Any) -> Any:
    """Return the number in an array or tensor without axes, and anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def _file_name(utt_id: str, chosen: OutputFormat, value: Any) -> str:
    stem = quote(utt_id, safe="+,=@()[]")
    if len(stem) > _LONGEST_NAME:
        stem = f"{stem[:_LONGEST_NAME]}-{hashlib.sha256(utt_id.encode()).hexdigest()[:16]}"
    stem = f"%2E{stem[1:]}" if stem.startswith(".") else stem
    if chosen.writer is not None:
        return f"{stem}.{chosen.type}".removesuffix(".")
    return f"{stem}.{chosen.type or ('npy' if hasattr(value, 'ndim') else 'json')}"


def _write_file(path: Path, value: Any, chosen: OutputFormat) -> Path:
    if chosen.writer is not None:
        named = instantiate(chosen.writer, _to_numpy(value), str(path))
        return Path(named) if isinstance(named, str | Path) else path
    if chosen.own is not None:
        chosen.own.write(_to_numpy(value), path)
    elif path.suffix == ".wav":
        if chosen.sample_rate is None:
            raise ValueError("its sample_rate is not known; write it beside type: wav")
        write_wav(path, as_wave(value), chosen.sample_rate)
    elif path.suffix == ".npy":
        np.save(path, np.asarray(_to_numpy(value)), allow_pickle=False)
    else:
        path.write_text(json.dumps(_to_plain(value), ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _to_numpy(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _to_numpy(value).tolist()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} is no plain value")
