"""Runners and output functions written for ESPnet3: they get samples as the data set gives them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from espnet3_runtime.errors import UserError

_ID = "utt_id"


class ListItems:
    """The collate function of :class:`ForwardRunner`: a list of samples, nothing padded."""

    def __call__(
        self, items: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> tuple[list[str], dict[str, Any]]:
        """Return the ids, and a batch of ids and samples as they are."""
        utt_ids = [utt_id for utt_id, _ in items]
        samples = [{_ID: utt_id, **sample} for utt_id, sample in items]
        return utt_ids, {"utt_ids": utt_ids, "samples": samples}


class ForwardRunner:
    """Call the model, then a function that names its outputs, as ESPnet3's stage ``infer`` does.

    With a ``runner``, a class written for ESPnet3, its ``forward`` does both; ESPnet3 must be
    installed where it runs.

    Args:
        input_key: The fields of a sample that the model is called with.
        output_fn: Called as ``output_fn(data=, model_output=, idx=)`` with the sample, what the
            model gave, and the id of the item; returns a mapping of outputs, whose ``utt_id`` is
            left out.
        runner: A class with ``forward(idx, dataset, model, **options)``; ``_partial_: true`` in
            its config.
        batched: Whether model and function are called with lists, one value for each item.
        options: Further keyword arguments of ``forward``; of a model without a ``runner``, what
            ``model_kwargs`` has.
    """

    def __init__(
        self,
        input_key: str | Sequence[str],
        *,
        output_fn: Callable[..., Any] | None = None,
        runner: Any = None,
        batched: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.input_key = input_key
        self.output_fn = output_fn
        self.runner = getattr(runner, "func", runner)
        self.batched = batched
        self.options = dict(options or {})

    def __call__(
        self, model: Any, utt_ids: Sequence[str], samples: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return one mapping of outputs for each item.

        Args:
            model: Called with the fields of ``input_key`` by name.
            utt_ids: Ids of the items.
            samples: Of each, by field; audio as the contract left it, usually ``(samples,)``
                float32 in [-1, 1].
        """
        if self.batched:
            return list(_flatten(self._forward(model, list(utt_ids), list(samples))))
        pairs = zip(utt_ids, samples, strict=True)
        return [_only_one(pair[0], self._forward(model, *pair)) for pair in pairs]

    def _forward(self, model: Any, idx: Any, data: Any) -> Any:
        """Return what one call gives, of an item or of lists of items."""
        if self.runner is None:
            given = model(**self._inputs(data), **self.options.get("model_kwargs", {}))
            return given if self.output_fn is None else self._name_outputs(idx, data, given)
        options = {"input_key": self.input_key, "idx_key": _ID, **self.options}
        if self.output_fn is not None:
            options["output_fn"] = lambda data, model_output, **_: self._name_outputs(
                idx, data, model_output
            )
        number: Any = list(range(len(idx))) if self.batched else 0
        dataset = data if self.batched else [data]
        return self.runner.forward(number, dataset=dataset, model=model, **options)

    def _name_outputs(self, idx: Any, data: Any, given: Any) -> Any:
        assert self.output_fn is not None
        return self.output_fn(data=data, model_output=given, idx=idx)

    def _inputs(self, data: Any) -> dict[str, Any]:
        if not self.batched:
            return self._pick_fields(data)
        items = [self._pick_fields(one) for one in data]
        return {name: [one[name] for one in items] for name in items[0]}

    def _pick_fields(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        names = [self.input_key] if isinstance(self.input_key, str) else self.input_key
        for name in names:
            if name not in sample:
                problem = f'{sample[_ID]} has no field "{name}"; it has {", ".join(sample)}'
                raise UserError(problem, where="runner.input_key")
        return {name: sample[name] for name in names}


def _only_one(utt_id: str, result: Any) -> dict[str, Any]:
    found = list(_flatten(result))
    if len(found) != 1:
        raise UserError(f"{utt_id} has {len(found)} mappings of outputs, not one", where="runner")
    return found[0]


def _flatten(result: Any) -> Iterator[dict[str, Any]]:
    """Yield the mappings of a result, which may be a list of lists, without their ids."""
    if isinstance(result, list):
        for one in result:
            yield from _flatten(one)
    elif isinstance(result, Mapping):
        yield {name: value for name, value in result.items() if name != _ID}
    else:
        raise UserError(
            f"{type(result).__name__} has no names: the function or the runner gives a mapping of "
            "outputs for each item",
            where="runner",
        )
