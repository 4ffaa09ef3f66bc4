"""Build the model of somebody else without memory, to compare it with its weights first."""

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from espnet3_runtime.errors import UserError
from espnet3_runtime.task_bridge.models import construct_model
from espnet3_runtime.weights import check_fit, read_weights

_CALLS, _CALLS_PER_TENSOR, _MOST_CALLS = 500_000, 5_000, 20_000_000
"""Calls and returns, C's too.

Stacks of up to 96 of torch's encoders, decoders, LSTMs and convolutions take 260 to 870 for each of
their tensors.
"""
_MOST_NUMBERS = 100_000_000  # of a model without weights


def check_model(own: Mapping[str, Any] | None, node: Any, checkpoint: Path | None) -> None:
    """Refuse a model that does not fit its weights, or that never ends.

    Args:
        own: The model in the inference config, which comes without weights; None without one.
        node: The model's node.
        checkpoint: Its weights.

    Raises:
        UserError: It has other layers than the weights, or is too large without any.
    """
    node = node if own is None else own
    if node is None:
        return
    weights = {} if own is not None or checkpoint is None else read_weights(checkpoint)
    model = _build_on_meta(node, min(_CALLS + _CALLS_PER_TENSOR * len(weights), _MOST_CALLS))
    if weights:
        check_fit(model, weights, checkpoint)
    elif sum(tensor.numel() for tensor in model.state_dict().values()) > _MOST_NUMBERS:
        raise _too_large()


def _build_on_meta(node: Mapping[str, Any], most_calls: int) -> Any:
    import torch
    from torch.overrides import TorchFunctionMode

    class OnMeta(TorchFunctionMode):
        """Overrules devices that the config names."""

        def __torch_function__(
            self, function: Any, _types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            named = dict(kwargs or {})
            if function is torch.nn.init.normal_:
                return named["tensor"]  # on the meta device it imports a compiler first
            if named.get("device") is not None:
                named["device"] = "meta"
            return function(*args, **named)

    with warnings.catch_warnings(), torch.device("meta"), OnMeta(), _limited_calls(most_calls):
        warnings.simplefilter("ignore")  # the model is built again
        return construct_model(node)


class _TooManyCalls(BaseException):
    """Passes by whoever handles errors of constructors."""


@contextmanager
def _limited_calls(most: int) -> Iterator[None]:
    """Raise after so many calls, since a number in a config can ask for any number of layers."""
    left = most

    def count(_frame: Any, _event: str, _argument: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooManyCalls

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    except _TooManyCalls:
        raise _too_large() from None
    finally:
        sys.setprofile(before)


def _too_large() -> UserError:
    return UserError(
        "the model of the bundle is far larger than the weights that come with it",
        hint="if you know who made it, pass trust_user_code=True (--trust_user_code)",
    )
