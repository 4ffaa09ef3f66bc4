"""Decide which targets of a bundle may run without trust."""

from collections.abc import Mapping
from typing import Any

from espnet3_runtime.build.instantiate import locate_target
from espnet3_runtime.errors import UserError
from espnet3_runtime.publication.bundle import CODE, INFERENCE, MODEL, Bundle
from espnet3_runtime.publication.recipe_code import collect_targets
from espnet3_schemas.bundles import LAYERS, TRUSTED_TARGETS

_SHOWN = 5
_HOW = (
    "read that code; to run it, pass trust_user_code=True (on the command line: --trust_user_code)"
)


def check_trust(
    bundle: Bundle, configs: Mapping[str, Any], trusted: bool, hint: str = _HOW
) -> bool:
    """Refuse a bundle that wants to run more than a model of torch's and parts of this runtime.

    Args:
        bundle: The bundle.
        configs: Its configs by the names of their files.
        trusted: Whether its code may run.
        hint: How to trust it.

    Returns:
        Whether it runs more.

    Raises:
        UserError: It wants to, and it is not trusted.
    """
    inference = configs[INFERENCE] or {}
    around = {key: value for key, value in inference.items() if key != "model"}
    models = collect_targets(inference.get("model"), configs[MODEL])
    foreign = [target for target in collect_targets(around) if target not in TRUSTED_TARGETS]
    foreign += [target for target in models if not is_harmless(target)]
    if trusted or not foreign:
        return bool(foreign)
    carried = [name.removeprefix(f"{CODE}/") for name in bundle.code]
    more = f" and {len(carried) - _SHOWN} more" if len(carried) > _SHOWN else ""
    code = f"\n    it carries: {', '.join(carried[:_SHOWN])}{more}" if carried else ""
    raise UserError(
        f'the bundle "{bundle.directory.name}" wants to run code of its own: '
        f"{', '.join(foreign)}{code}",
        hint=hint,
    )


def is_harmless(target: str) -> bool:
    """Say whether a target is a layer of torch, or one of the parts that bundles are made of."""
    if target in TRUSTED_TARGETS:
        return True
    if not target.startswith(LAYERS):
        return False
    from torch import nn

    try:
        found: Any = locate_target(target)
    except UserError:
        return False
    # A dotted name may pass through other modules (torch.nn.modules.….os.system): only the object
    # that it ends at counts.
    is_layer = isinstance(found, type) and issubclass(found, nn.Module)
    return is_layer and found.__module__.startswith("torch.nn.")
