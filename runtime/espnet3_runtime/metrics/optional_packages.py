"""Packages that only an extra brings, imported by the metrics that need them."""

import importlib
from typing import Any

from espnet3_runtime.errors import UserError
from espnet3_schemas.installation import install_command


def require_package(module: str, extra: str = "", *, install: str = "") -> Any:
    """Import a module of a package that not everybody has installed.

    Args:
        module: Its dotted name.
        extra: The extra of ours that brings the package.
        install: How it is installed where no extra brings it.

    Raises:
        UserError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        hint = install or install_command(extra)
        raise UserError(f'the package "{missing}" is not installed', hint=hint) from None
