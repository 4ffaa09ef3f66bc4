"""``python -m espnet3_runtime.publication.transcribe BUNDLE FILE…``: run a bundle on audio."""

import os
import sys
from _signal import (  # type: ignore[import-not-found]  # "signal" takes its time
    SIGINT,
    default_int_handler,
    getsignal,
    signal,
)

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # python -m looks into the working directory first
    if getsignal(SIGINT) is default_int_handler:
        signal(SIGINT, lambda *_: os._exit(130))  # until all is imported

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from espnet3_runtime.errors import UserError
from espnet3_runtime.process.streams import check_streams, forgiving_streams
from espnet3_schemas.exit_codes import CLEAN, INTERRUPTED, MISTAKES


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line for each file: its path, a tab, and the output."""
    options = _make_parser().parse_args(arguments)
    with forgiving_streams():
        return check_streams(_report_problems(options))


def _report_problems(options: argparse.Namespace) -> int:
    try:
        for line in _transcribe_files(options):
            print(line, flush=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKES
    except KeyboardInterrupt:
        return INTERRUPTED
    return CLEAN


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m espnet3_runtime.publication.transcribe",
        description="Run a packed model on audio files.",
    )
    parser.add_argument("bundle", help="directory of a bundle, or <owner>/<name> on the hub")
    parser.add_argument("audio", nargs="+", help="audio files (WAV, FLAC, OGG, MP3, …)")
    parser.add_argument(
        "--trust_user_code", action="store_true", help="run the code that the bundle carries"
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:0, …; default: that of the bundle")
    parser.add_argument("--batch_size", type=int, default=1, help="files per call (default 1)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    return parser


def _transcribe_files(options: argparse.Namespace) -> Any:
    import torch  # noqa: F401 - an interrupt in the middle of it has a traceback

    from espnet3_runtime.publication.model import InferenceModel

    if getattr(getsignal(SIGINT), "__module__", "") == __name__:
        signal(SIGINT, default_int_handler)
    if Path(options.bundle).exists():
        load: Any = InferenceModel.from_packed
    elif options.bundle.count("/") == 1 and not options.bundle.startswith((".", "/")):
        load = InferenceModel.from_pretrained
    else:
        raise UserError(f'there is no bundle "{options.bundle}"')
    model = load(options.bundle, trust_user_code=options.trust_user_code, device=options.device)
    size = max(options.batch_size, 1)
    for start in range(0, len(options.audio), size):
        files = options.audio[start : start + size]
        for file, result in zip(files, model.forward_batch(files), strict=True):
            yield _format_line(file, result, options.format)


def _format_line(file: str, result: dict[str, Any], style: str) -> str:
    if style == "json":
        return json.dumps({"file": file, **result}, ensure_ascii=False, default=_to_plain)
    values = [value[0] if isinstance(value, list) and value else value for value in result.values()]
    return "\t".join([file, *(str(_to_plain(value)) for value in values)])


def _to_plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


if __name__ == "__main__":
    raise SystemExit(main())
