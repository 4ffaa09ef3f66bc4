"""The runner that calls a model when the config names none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any


class CallModel:
    """Call a model with the fields of one sample after another, as ESPnet3 does.

    The result of a call is a mapping of outputs; a single value, which gets the name of the only
    ``output_key`` or ``text``; or the n-best list of ESPnet2's ``Speech2Text``, tuples that start
    with the text.

    Args:
        output_keys: The outputs that the config asks for.
    """

    def __init__(self, output_keys: Sequence[str] | None) -> None:
        self.name = output_keys[0] if output_keys and len(output_keys) == 1 else "text"

    def __call__(
        self, model: Callable[..., Any], samples: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return one mapping of outputs for each sample.

        Args:
            model: Called with the fields of a sample by name.
            samples: By field; audio as the contract left it, usually ``(samples,)`` float32 in
                [-1, 1].
        """
        return [self._name_outputs(model(**sample)) for sample in samples]

    def _name_outputs(self, result: Any) -> dict[str, Any]:
        if isinstance(result, Mapping):
            return dict(result)
        if isinstance(result, list) and result and all(isinstance(item, tuple) for item in result):
            result = ["" if item[0] is None else item[0] for item in result]
        return {self.name: result}
