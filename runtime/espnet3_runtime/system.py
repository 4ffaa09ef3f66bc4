"""The contract between a System class and the engine.

A System is a table of stages and one method per stage: ``method(context) -> Outputs``.  Compiled
recipes get theirs from ``espnet3-compile``; one written by hand follows the same rules, which are
checked when the class is defined.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from espnet3_runtime.build.instantiate import instantiate, locate_target
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_runtime.stage import Outputs, StageContext, StageSpec


class StageContractError(TypeError):
    """A System class and its stage table do not fit together; the message says how."""


class System:
    """The root of all Systems.

    Attributes:
        stages: The stages in the order in which they run.
        configs: Every config of the recipe by name, late values not filled in.
    """

    stages: ClassVar[tuple[StageSpec, ...]] = ()

    def __init__(self, *, configs: Mapping[str, ConfigView]) -> None:
        self.configs = dict(configs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _check_stages(cls)

    def call(self, target: str, context: StageContext) -> Outputs:
        """Run a stage of the recipe: call a function with the stage's ``with`` arguments.

        What has a ``_target_`` in them is built first.  The function gets ``context`` too, when it
        has a parameter of that name.  What it returns is ignored, unless it is a mapping of output
        names to paths.

        Raises:
            UserError: There is no such function, or the arguments do not fit it.
            InstantiateError: An argument cannot be built.
        """
        where = f"stages.{context.spec.name}"
        try:
            function = locate_target(target, where=f"{where}.call")
        except InstantiateError as error:
            raise UserError(error.message, where=error.where, hint=error.hint) from error.__cause__
        arguments = {
            name: instantiate(value, where=f"{where}.with.{name}")
            if isinstance(value, Mapping | list)
            else value
            for name, value in context.arguments.items()
        }
        signature = _signature_of(function)
        if signature is not None:
            if "context" in signature.parameters:
                arguments.setdefault("context", context)
            try:
                signature.bind(**arguments)
            except TypeError as error:
                raise UserError(f'"{target}": {error}', where=f"{where}.with") from None
        return _check_outputs(function(**arguments), context)


def _check_stages(cls: type[System]) -> None:
    """Check a stage table.

    Raises:
        StageContractError: A name stands twice or has no method, or a stage has both or neither of
            ``run`` and ``call``, or needs one that does not come before it.
    """
    before: set[str] = set()
    for spec in cls.stages:
        missing = [name for name in spec.needs if name not in before]
        stage = f'stage "{spec.name}"'
        for is_wrong, message in (
            (spec.name in before, f'two stages are called "{spec.name}"'),
            (
                (spec.run is None) == (spec.call is None),
                f'{stage} must have one of "run" and "call"',
            ),
            (
                not callable(getattr(cls, spec.name, None)),
                f'{stage} has no method "{spec.name}(self, context)"',
            ),
            (missing, f'{stage} needs "{next(iter(missing), "")}", which is not before it'),
        ):
            if is_wrong:
                raise StageContractError(f"{cls.__name__}: {message}")
        before.add(spec.name)


def _signature_of(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _check_outputs(made: Any, context: StageContext) -> Outputs:
    if not isinstance(made, Mapping):
        return dict(context.outputs)
    extra = {name: Path(path) for name, path in made.items() if name not in context.outputs}
    if extra and context.outputs:
        names = ", ".join(f'"{name}"' for name in extra)
        raise UserError(
            f"it returned {names}, which the stage does not declare",
            where=f"stages.{context.spec.name}.outputs",
        )
    return {**extra, **context.outputs}
