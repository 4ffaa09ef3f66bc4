"""A stage that is looked at: its configs, and its failures at locations of the recipe."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from espnet3_runtime.build.model_node import name_of
from espnet3_runtime.config import ConfigView
from espnet3_runtime.errors import InstantiateError, UserError
from espnet3_runtime.preflight.origin.argument import blame_argument
from espnet3_runtime.preflight.origin.error_origin import (
    FAILURES,
    ErrorOrigin,
    find_origin,
    raise_unprobed,
)
from espnet3_runtime.preflight.protocol import (
    Answers,
    CodePlace,
    FoundError,
    RecipeLocation,
    UnprobedError,
)
from espnet3_runtime.preflight.request import Request
from espnet3_schemas.build_records import Stage

T = TypeVar("T")
FindPlace = Callable[[], CodePlace | None]


class StageOutputs(Protocol):
    """The files that stand for outputs of other stages."""

    def resolve_view(self, view: ConfigView) -> ConfigView:
        """Return a config or node with its late values filled in."""

    def are_missing(self, node: Any) -> bool:
        """Return whether a node names a path that a stage has still to make."""


@dataclass(frozen=True)
class TriedStage:
    """A stage that is looked at.

    Attributes:
        request: The recipe.
        answers: Takes steps, findings and notes.
        stage: The stage.
        role: The role of the config that its messages name.
        artifacts: Files that stand for the outputs of other stages.
    """

    request: Request
    answers: Answers
    stage: Stage
    role: str
    artifacts: StageOutputs

    def config(self, without: Collection[str] = ()) -> ConfigView:
        """Return the config with the keys that the stage's kind reads, late values filled in.

        Top-level keys in ``without`` are None.
        """
        view = self.request.configs.get(self.stage.configs.get(self.role, ""))
        if view is None:
            raise UnprobedError(f'the stage "{self.stage.name}" has no {self.role} config')
        keys = self.stage.facts["roles"].get(self.role, {}).get("reads", ("*",))
        wanted = [key for key in (view if "*" in keys else keys) if key not in without]
        bound = self.artifacts.resolve_view(view.only(wanted))
        return ConfigView({**dict.fromkeys(without), **bound}, view.where)

    def locate(self, where: str) -> RecipeLocation:
        """Return the location that the key path of a message names."""
        return self.request.locate(where, self.stage, self.role)

    def own_location(self, *path: str | int) -> RecipeLocation:
        """Return the location of a key of the stage's config."""
        return RecipeLocation(("configs", self.stage.configs[self.role]), path, self.stage.name)

    def origin(self, error: BaseException) -> ErrorOrigin:
        """Follow an exception to its origin."""
        return find_origin(error, self.request.recipe_dir)

    def attempt(
        self,
        what: str,
        location: RecipeLocation,
        function: Callable[[], T],
        code: str = "R909",
        *,
        in_code: bool = False,
    ) -> T:
        """Announce a step, do it, and return its result.

        Args:
            what: The step, for messages.
            location: The setting that it is about.
            function: Does it.
            code: The code of the finding when it fails.
            in_code: Whether a failure in the recipe's code is mended there.

        Raises:
            FoundError: It failed, which was reported.
            UnprobedError: It failed for lack of memory or network.
        """
        self.answers.step(location, what)
        try:
            return function()
        except FAILURES as error:
            raise self.failure(error, code, location, in_code=in_code) from error

    def failure(
        self,
        error: BaseException,
        code: str,
        location: RecipeLocation,
        *,
        certain: bool = True,
        in_code: bool = False,
        find_place: FindPlace | None = None,
        at: str = "",
    ) -> Exception:
        """Report that the current step failed, and return what to raise.

        Args:
            error: Why.
            code: The code of the finding.
            location: The setting, where the error names none.
            certain: Whether the recipe is at fault; a failure on made-up items may not be.
            in_code: Whether a failure in the recipe's code is mended there.
            find_place: Gives the line to mend where the recipe's code raised nothing.
            at: The key path of the setting, whatever the error names.
        """
        raise_unprobed(error, self.answers)
        found = self.origin(error)
        if not certain:
            step = f'"{self.stage.name}": {self.answers.current_step}'
            return UnprobedError(f"{step} fails on made-up items: {found.text}")
        is_message = isinstance(error, UserError) and not isinstance(error, InstantiateError)
        text = found.text if is_message else f"{self.answers.current_step} fails: {found.text}"
        if in_code and find_place and found.place is None:
            found = replace(found, place=find_place())
        where = at or found.where
        location = self.locate(where) if where else location
        self.report(code, location, text, found, in_code=in_code)
        return FoundError()

    def construction_failure(
        self, error: BaseException, location: RecipeLocation, code: str = "R903"
    ) -> Exception:
        """Report that something cannot be constructed, and return what to raise.

        The key path of an :class:`InstantiateError` names the node inside of the settings.

        Args:
            error: Why it cannot be constructed.
            location: The setting, where the error names none.
            code: The code of the finding.
        """
        raise_unprobed(error, self.answers)
        found = self.origin(error)
        where = getattr(error, "where", "") or found.where
        location = self.locate(where) if where else location
        node = self.request.node(location)
        name = name_of(node, "") if isinstance(node, Mapping) else ""
        # the key path may lead to the name itself
        check_installed(error, name or str(node), self.answers)
        if name:
            key, help_ = blame_argument(node, error)
            location = RecipeLocation(location.owner, (*location.path, key), self.stage.name)
            found = replace(found, help=(*found.help, *help_))
        text = f"constructing {name} fails" if name else "this cannot be used"
        self.report(code, location, f"{text}: {found.text}", found)
        return FoundError()

    def report(
        self,
        code: str,
        location: RecipeLocation,
        text: str,
        found: ErrorOrigin,
        *,
        in_code: bool = False,
    ) -> None:
        """Report a finding about an error.

        Args:
            code: Its code.
            location: The setting that it is about.
            text: The message.
            found: The origin of the error.
            in_code: Whether it is mended where it was raised in the recipe's code.
        """
        self.answers.report_finding(
            code,
            location,
            text,
            help_=found.help,
            numbers=found.numbers,
            place=found.place,
            in_code=in_code,
            cause=found.text,
        )


def check_installed(error: Any, name: str, answers: Answers) -> None:
    """Raise :class:`UnprobedError` where the package of a name is not installed and need not be.

    Args:
        error: Why a target is not there.
        name: Its dotted name.
        answers: Say whether packages are needed.
    """
    cause, package = error.__cause__ or error, name.partition(".")[0]
    is_absent = isinstance(cause, ModuleNotFoundError) and cause.name == package
    if is_absent and not answers.needs_packages:
        raise UnprobedError(f'{name}: the package "{package}" is not installed') from error
