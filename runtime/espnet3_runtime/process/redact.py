"""Replace secrets in logs and receipts."""

import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence

HIDDEN = "***"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    (
        *("token", "secret", "secrets", "password", "passwd", "passphrase"),
        *("credential", "credentials", "apikey", "auth", "cookie"),
    )
)
_KEY_OWNERS = frozenset(["api", "access", "private", "secret", "ssh", "encryption", "signing"])
_URL_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")
_SHORTEST = 6
"""Shorter values would replace ordinary words."""


def is_secret_name(name: str) -> bool:
    """Say whether a variable or key of this name probably holds a secret."""
    words = [word.lower() for word in _WORD.findall(name)]
    if _SECRET_WORDS & set(words):
        return words[-1] not in ("list", "type")  # a token_list is the vocabulary
    if words[-1:] != ["key"]:
        return False
    return name.isupper() or bool(_KEY_OWNERS & set(words))


def secret_values(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the values of secret-looking environment variables, the longest first."""
    found = {
        value for name, value in environ.items() if is_secret_name(name) and len(value) >= _SHORTEST
    }
    return tuple(sorted(found, key=len, reverse=True))


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets and without logins in URLs."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return _URL_LOGIN.sub("", text) if "://" in text else text


def redact_command(arguments: Sequence[str], secrets: Iterable[str]) -> list[str]:
    """Return a command line without secrets: also ``--set a.token=value`` loses its value."""
    kept = tuple(secrets)
    pairs = [(argument, *argument.partition("=")[:2]) for argument in arguments]
    return [
        redact(f"{name}={HIDDEN}" if equals and is_secret_name(name) else argument, kept)
        for argument, name, equals in pairs
    ]


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
