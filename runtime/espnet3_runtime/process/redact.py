"""Replace secrets in logs, receipts and reports."""

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from espnet3_runtime.config import join_key
from espnet3_schemas.secret_names import (
    HIDDEN,
    SET_OR_MAPPED,
    hide_in_urls,
    hide_pairs,
    holds_secret_name,
    is_secret,
    is_secret_name,
)

_SET = re.compile(r"(?P<head>(?:--[\w-]+=)?(?P<name>[^={]+)=).+", re.DOTALL)
_SHORTEST = 6
"""Shorter values of the environment would replace ordinary words."""


def hide_secrets(value: Any, path: str = "") -> Any:
    """Return plain data with its secrets replaced."""
    if isinstance(value, Mapping):
        return {key: hide_secrets(item, join_key(path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hide_secrets(item, join_key(path, index)) for index, item in enumerate(value)]
    return HIDDEN if is_secret(path, value) else value


def secret_values(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the values of secret-looking environment variables, the longest first."""
    found = {
        value for name, value in environ.items() if is_secret_name(name) and len(value) >= _SHORTEST
    }
    return spellings(found)


def spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return secrets and their lines, also as Python and JSON write them, the longest first."""
    found = set(secrets)
    found |= {line for text in found for line in text.splitlines() if len(line) >= _SHORTEST}
    found |= {quote(text)[1:-1] for text in found for quote in (repr, json.dumps)}
    return tuple(sorted(found, key=len, reverse=True))


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets and without logins and secret values in URLs."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return hide_in_urls(text)


def redact_command(arguments: Sequence[str], secrets: Iterable[str]) -> list[str]:
    """Return a command line without secrets: also ``--set a.token=value`` loses its value."""
    kept = tuple(secrets)
    return [redact(_redact_argument(argument), kept) for argument in arguments]


def _redact_argument(argument: str) -> str:
    whole = _SET.fullmatch(argument)
    if whole and holds_secret_name(whole["name"]):
        return whole["head"] + HIDDEN
    return hide_pairs(argument, SET_OR_MAPPED)


class Redactor(logging.Filter):
    """Takes secrets out of every record that passes."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message by one without secrets; every record passes."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # a wrong number of arguments: let logging say so
            return True
        clean = redact(text, self._secrets)
        if clean != text:
            record.msg, record.args = clean, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text, self._secrets)
        return True
