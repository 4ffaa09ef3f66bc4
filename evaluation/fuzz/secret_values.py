"""Secrets in configs: below a key that says so, no value gets into receipts, logs or reports."""

import hashlib
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import yaml

from espnet3_runtime.build.lock import load_build
from espnet3_runtime.errors import UserError
from espnet3_runtime.incremental.experiment import Experiment
from espnet3_runtime.incremental.fingerprint import inputs_of
from espnet3_runtime.incremental.provenance import collect_provenance
from espnet3_runtime.incremental.receipts import Receipt, write_receipt
from espnet3_runtime.launch.failures import summarize_error
from espnet3_runtime.launch.logs import stage_log, write_header
from espnet3_runtime.launch.stage_runner import StageRunner
from espnet3_runtime.process.redact import redact
from espnet3_runtime.publication.bundle import dump_yaml
from espnet3_schemas import LOCK
from evaluation.fuzz import built
from evaluation.fuzz.judge import Try

CANARY = "c4n4ry"
NAMES = (
    *("password", "passwd", "pwd", "pass", "token", "secret", "api_key", "pat", "auth", "webhook"),
    *("credential", "credentials", "connection_string", "db_password", "HF_TOKEN", "apiKey"),
    *("WANDB_API_KEY", "client-secret", "access_token", "PGPASSWORD", "private_key", "AUTH_HEADER"),
    *("webhook_url", "authToken", "smtp_pass", "github.pat", "connectionString", "dsn", "cookie"),
)
"""Keys of which everybody sees what they hold."""
_SHAPES = (
    "{n}: one",
    "x: {{{n}: [a, {{b: c}}]}}",
    "{n}:\n  a: 1\n  b: 'it''s \"x\"'",
    "{n}: |\n  a\n  b",
)
_CONFIG = "conf/training.yaml"
_MOST = 4000  # bytes of YAML that the fast reader is given


def seeds(_directory: Path) -> Sequence[bytes]:
    """Return mappings with every one of the keys, in several shapes, and URLs."""
    found = [shape.format(n=name) for name in NAMES for shape in _SHAPES]
    return [text.encode() for text in (*found, "url: x", "a: {b: {url: 'y z'}}")]


def keeps(directory: Path) -> Try:
    """Return what puts an input into a config and looks for its secrets wherever a run writes."""
    from espnet3_runtime.report import write_report

    exp = built.experiment(directory, "train", "best_checkpoint")
    config = yaml.safe_load((directory / built.BUILD / _CONFIG).read_text(encoding="utf-8"))
    lock = json.loads((directory / built.BUILD / LOCK).read_text(encoding="utf-8"))
    log_path = exp / "train" / "train.log"

    def attempt(data: bytes) -> bool:
        given = _read(data)
        texts: list[str] = []
        planted = _plant(given, texts)
        if not texts:
            return False
        trainer = {**config["trainer"], "logger": planted}
        text = yaml.safe_dump({**config, "trainer": trainer}, allow_unicode=True)
        lock["configs"]["training"]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        build = load_build(directory / built.BUILD, {_CONFIG: text, LOCK: json.dumps(lock)})
        stage = next(stage for stage in build.stages if stage.name == "train")
        log_path.unlink(missing_ok=True)
        words = [f"--set=training.trainer.logger.{path}={leaf}" for path, leaf in _leaves(planted)]
        before, sys.argv = sys.argv, ["run.py", *words]
        try:
            inputs = inputs_of(stage, Experiment(build), [one.name for one in build.stages])
            receipt = Receipt(
                "train", "failed", "2026", inputs=inputs, provenance=collect_provenance(directory)
            )
            write_receipt(exp, receipt)
            runner = cast(Any, SimpleNamespace(build=build))
            secrets = StageRunner.stage_secrets(runner, stage)
            with stage_log(log_path, secrets, console=False):
                log = logging.getLogger("espnet3.fuzz")
                write_header(log, directory, {"config": build.config("training").plain()})
                for one in texts:
                    log.error("cannot use %s, %r", one, [one], exc_info=KeyError(one))
                    failed = redact(summarize_error(ValueError(one)), secrets)
                    assert CANARY not in failed, failed
            write_report(exp, build)
        finally:
            sys.argv = before
        for path in (exp / "stages/train.json", log_path, exp / "report.html"):
            written = path.read_text(encoding="utf-8")
            assert CANARY not in written, _around(path, written)
        _check_published({"logger": planted})
        return True

    return attempt


def _check_published(planted: dict[str, Any]) -> None:
    try:
        dump_yaml(planted)
    except UserError:
        return
    raise AssertionError("it would have been published")


def _around(path: Path, text: str) -> str:
    at = text.index(CANARY)
    return f"{path.name}: …{text[max(at - 200, 0) : at + 100]}"


def _read(data: bytes) -> dict[str, Any]:
    """Return an input as a mapping; empty when it is none."""
    if len(data) > _MOST or b"*" in data or data.count(b"[") + data.count(b"{") > 100:
        return {}
    try:
        found = yaml.load(data, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _plant(value: Any, texts: list[str], key: str = "", *, secret: bool = False) -> Any:
    """Return plain data with a secret at the start of every text below a key that says so."""
    if isinstance(value, dict):
        return {
            name: _plant(item, texts, name, secret=secret or name in NAMES)
            for name, item in value.items()
            if isinstance(name, str) and "${" not in name and "=" not in name
        }
    if isinstance(value, list):
        return [_plant(item, texts, secret=secret) for item in value]
    if not isinstance(value, str) or "${" in value:
        return value if isinstance(value, bool | int | float | None) else str(value)
    if secret:
        texts.append(f"{CANARY}{value}")
    elif key == "url":
        texts.append(f"https://me:{CANARY}@host/{quote(value)}?token={CANARY}{quote(value)}")
    else:
        return value
    return texts[-1]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value
