"""Replace secrets in logs, receipts and reports."""

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from espnet3_runtime.config import join_key

HIDDEN = "***"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    (
        *("token", "secret", "secrets", "password", "passwords", "passwd", "pwd", "passphrase"),
        *("pass", "sshpass", "pat", "credential", "credentials", "creds", "apikey", "auth"),
        *("authorization", "cookie", "cookies", "webhook", "webhooks", "jwt", "dsn"),
    )
)
_SECRET_ENDINGS = (
    "password",
    "passwd",
    "secret",
    "apikey",
    "authtoken",
    "accesstoken",
)  # PGPASSWORD
_SECRET_PAIRS = (frozenset(["connection", "string"]), frozenset(["conn", "str"]))
_KEY_OWNERS = frozenset(
    (
        *(
            "api",
            "access",
            "private",
            "secret",
            "ssh",
            "encryption",
            "signing",
            "account",
            "master",
        ),
        *("storage", "license", "service", "openai", "wandb", "comet", "hf", "aws", "azure", "gcp"),
    )
)
_ORDINARY_ENDINGS = frozenset(
    (
        *("list", "type", "types", "id", "ids", "name", "names", "count", "size", "dim", "num"),
        *("limit", "max", "min", "length", "len", "index", "mask", "rate", "weight", "dropout"),
        *("embedding", "layer", "level", "prob", "through", "method", "mode", "scheme", "enabled"),
        *("timeout", "host", "port", "sock"),
    )
)
"""A token_list is the vocabulary, SSH_AUTH_SOCK a socket."""
_ORDINARY_OWNERS = frozenset(
    (
        *("pad", "unk", "bos", "eos", "sos", "mask", "sep", "cls", "blank", "start", "end", "stop"),
        *("space", "special", "word", "char", "lang", "language", "max", "min", "num", "per"),
        *("first", "last", "next", "previous", "second", "two", "multi", "single", "forward"),
        *("backward", "low", "high", "band", "all", "file", "name"),
    )
)
"""A pad_token, a low_pass and a file_pat are no secrets."""
_SYMBOL = re.compile(r"<.*>|\[.*\]")
_DEFAULT = re.compile(r"\$\{oc\.env:\s*(?P<name>\w+)\s*,\s*(?!null\s*\}|\$\{|\})")
_REFERENCE = re.compile(r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
_URL_LOGIN = re.compile(r"(?<=://)(?!git@)[^/@\s]+@")
_URL_VALUE = re.compile(r"(?<=[?&])(?P<name>[\w.-]+)=[^&\s\"']+")
_SET = re.compile(r"(?P<head>(?:--[\w-]+=)?(?P<name>[^={]+)=).+", re.DOTALL)
_PAIR = r"""(?P<head>(?<![\w.-])(?P<name>[\w.-]+)["']?\s*{}\s*)(?:"[^"]*"|'[^']*'|[^,;&}}\]\n]+)"""
_ASSIGNED, _SET_OR_MAPPED = (re.compile(_PAIR.format(sign)) for sign in ("=", "[:=]"))
_SHORTEST = 6
"""Shorter values of the environment would replace ordinary words."""


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Say whether a variable or key of this name probably holds a secret."""
    words = [word.lower() for word in _WORD.findall(name)]
    known = set(words)
    if not words or words[-1] in _ORDINARY_ENDINGS or name == "PWD":
        return False
    if words[-1] in ("key", "keys"):
        return name.isupper() or bool((_KEY_OWNERS | _SECRET_WORDS) & known)
    found = _SECRET_WORDS & known
    if found <= {"token", "pass", "pat"} and known & _ORDINARY_OWNERS:
        return False
    joined = any(pair <= known for pair in _SECRET_PAIRS)
    return bool(found) or joined or any(word.endswith(_SECRET_ENDINGS) for word in words)


def is_secret(path: str, value: Any) -> bool:
    """Say whether a value of a config probably is a secret.

    References to variables are none, but defaults of secret ones are; numbers and symbols like
    ``<pad>`` are none below a token.

    Args:
        path: Its key path; one secret name in it is enough.
        value: A scalar.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value in ("", HIDDEN):
        return False
    secret = _holds_secret_name(path)
    if not isinstance(value, str):
        return secret and "token" not in path.lower()
    literal = _REFERENCE.sub("", value)
    if literal != value:
        found = list(_DEFAULT.finditer(value))
        if any(secret or is_secret_name(match["name"]) for match in found):
            return True
    elif secret:
        return _SYMBOL.fullmatch(value) is None
    literal = _hide_pairs(literal, _ASSIGNED)
    return HIDDEN in literal or redact(literal, ()) != literal


def _holds_secret_name(path: str) -> bool:
    return any(map(is_secret_name, re.split(r"[.\[\]]+", path)))


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
    if "://" not in text:
        return text
    return _URL_VALUE.sub(_hide_value, _URL_LOGIN.sub("", text))


def _hide_value(match: re.Match[str]) -> str:
    return f"{match['name']}={HIDDEN}" if is_secret_name(match["name"]) else match[0]


def redact_command(arguments: Sequence[str], secrets: Iterable[str]) -> list[str]:
    """Return a command line without secrets: also ``--set a.token=value`` loses its value."""
    kept = tuple(secrets)
    return [redact(_redact_argument(argument), kept) for argument in arguments]


def _redact_argument(argument: str) -> str:
    whole = _SET.fullmatch(argument)
    if whole and _holds_secret_name(whole["name"]):
        return whole["head"] + HIDDEN
    return _hide_pairs(argument, _SET_OR_MAPPED)


def _hide_pairs(text: str, pair: re.Pattern[str]) -> str:
    position = 0
    while found := pair.search(text, position):
        position = found.end("head")
        if is_secret_name(found["name"]):
            text = f"{text[:position]}{HIDDEN}{text[found.end() :]}"
    return text


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
