"""Names and texts that probably hold a secret, for what publishes configs and what shows them."""

import re
from functools import lru_cache
from typing import Any

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
_SYMBOL = r"<.*>|\[.*\]"
_DEFAULT = r"\$\{oc\.env:\s*(?P<name>\w+)\s*,(?!\s*(?:null\s*\}|\$\{|\}))"
_REFERENCE = r"\$\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}"
_URL_LOGIN = r"(?<=://)(?!git@)[^/@\s]+@"
_URL_VALUE = r"(?<=[?&])(?P<name>[\w.-]+)=[^&\s\"']+"
_PAIR = r"""(?P<head>(?<![\w.-])(?P<name>[\w.-]+)["']?\s*{}\s*)(?:"[^"]*"|'[^']*'|[^,;&}}\]\n]+)"""
_ASSIGNED = _PAIR.format("=")
SET_OR_MAPPED = _PAIR.format("[:=]")
"""A name and its value, of which the value may be a secret."""


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
    secret = holds_secret_name(path)
    if not isinstance(value, str):
        return secret and "token" not in path.lower()
    literal = re.sub(_REFERENCE, "", value) if "${" in value else value
    if literal != value:
        found = list(re.finditer(_DEFAULT, value))
        if any(secret or is_secret_name(match["name"]) for match in found):
            return True
    elif secret:
        return re.fullmatch(_SYMBOL, value) is None
    literal = hide_pairs(literal, _ASSIGNED) if "=" in literal else literal
    return HIDDEN in literal or hide_in_urls(literal) != literal


def holds_secret_name(path: str) -> bool:
    """Say whether a part of a key path is the name of a secret."""
    return any(map(is_secret_name, re.split(r"[.\[\]]+", path)))


def hide_in_urls(text: str) -> str:
    """Return a text without logins and secret values in URLs."""
    if "://" not in text:
        return text
    return re.sub(_URL_VALUE, _hide_value, re.sub(_URL_LOGIN, "", text))


def _hide_value(match: re.Match[str]) -> str:
    return f"{match['name']}={HIDDEN}" if is_secret_name(match["name"]) else match[0]


def hide_pairs(text: str, pair: str) -> str:
    """Return a text without the values of secret names.

    Args:
        text: The text.
        pair: The pattern of a name and its value.
    """
    position, pattern = 0, re.compile(pair)
    while found := pattern.search(text, position):
        position = found.end("head")
        if is_secret_name(found["name"]):
            text = f"{text[:position]}{HIDDEN}{text[found.end() :]}"
    return text
