"""Packages that only an extra brings, imported by the metrics that need them."""

import importlib
from typing import Any

from espnet3_runtime.errors import UserError


def require_package(module: str, extra: str) -> Any:
    """Import a module of a package that an extra of ours brings.

    Raises:
        UserError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        hint = f"pip install 'espnet3-compile[{extra}]'"
        raise UserError(f'the package "{missing}" is not installed', hint=hint) from None
