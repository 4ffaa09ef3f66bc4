"""Names: each must be usable as Python identifier and command-line flag, and be unambiguous.

Passes: ``models: {ctc: …}``, ``stages: [{name: train_easy, run: train}]``.
Fails: ``stages: [{name: train-easy, run: train}]``; a config and a model both called ``ctc``.
"""

import keyword
import re
from collections.abc import Iterator

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stage_kind
from espnet3_compiler.syntax.placeholder import is_placeholder
from espnet3_compiler.syntax.tree import Scalar

_RESERVED_STAGES = {
    "all": "--stages all means every stage",
    "call": "it is a method of every System",
    "configs": "it is an attribute of every System",
    "stages": "it is an attribute of every System",
}
_RESERVED_CONFIGS = {"recipe": "--set recipe.exp_tag=… means the manifest"}


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R201 and R202 for names of configs, models and stages, R606 for the recipe's name."""
    del resolved
    if "${" in str(recipe.name.value):
        yield Diagnostic(
            code="R606",
            message="the name of a recipe cannot be put together of references",
            primary=Label(recipe.name.span, "expected <corpus>/<task>"),
            help=("write it out, for example digits/asr",),
        )
    models = {str(model.name.value): model.name for model in recipe.models}
    for config in recipe.configs:
        if first := models.get(str(config.name.value)):
            yield _shared_name(config.name, first)
        yield from _check_identifier("config", config.name, _RESERVED_CONFIGS, recipe)
    for name in (model.name for model in recipe.models if model.node.entries):
        yield from _check_identifier("model", name, _RESERVED_CONFIGS, recipe)
    for stage in recipe.stages:
        yield from _check_identifier("stage", stage.name, _RESERVED_STAGES, recipe)
        yield from _hides_kind(stage, recipe)


def _shared_name(config: Scalar, model: Scalar) -> Diagnostic:
    message = f'a model and a config are both called "{config.value}"'
    advice = f"give one of them another name: --set {config.value}.key=value must mean one of them"
    labels = Label(config.span, "a config"), Label(model.span, "a model")
    return Diagnostic("R201", message, labels[0], labels[1:], (advice,))


def _check_identifier(
    kind: str, name: Scalar, reserved: dict[str, str], recipe: Recipe
) -> Iterator[Diagnostic]:
    if is_placeholder(name):
        return
    full = str(name.value)
    reason = reserved.get(full)
    if not (full.isascii() and full.isidentifier()):
        reason = "write letters, digits and _, no digit first"
    elif keyword.iskeyword(full):
        reason = "it is a keyword of Python"
    elif full.startswith("_"):
        reason = "names that begin with _ are reserved for the System"
    if reason:
        text = recipe.group_names.written_name(f"{kind}s", full)
        better = _valid_identifier(text)
        yield Diagnostic(
            code="R202",
            message=f'"{text}" cannot be the name of a {kind}',
            primary=Label(name.span, reason),
            help=(f'for example "{better}"',) if better else (),
        )


def _valid_identifier(text: str) -> str | None:
    """Return a similar name that can be used."""
    name = re.sub(r"\W+", "_", text).strip("_")
    if name and name[0].isdigit():
        name = f"n{name}"
    if name == text or keyword.iskeyword(name):
        name = f"{name}_1" if name else ""
    return name or None


def _hides_kind(stage: StageDecl, recipe: Recipe) -> Iterator[Diagnostic]:
    """Report a stage named like a kind that it does not run, where another stage runs that kind."""
    name = str(stage.name.value)
    if name not in recipe.system.kinds or stage_kind(stage) == name:
        return
    runners = [other for other in recipe.stages if other is not stage and stage_kind(other) == name]
    if runners:
        yield Diagnostic(
            code="R202",
            message=f'a stage is called "{name}" like a stage kind that it does not run',
            primary=Label(stage.name.span, f"its method would replace {name}"),
            related=tuple(Label(other.name.span, f"runs {name}") for other in runners),
            help=(f'give it a name of its own, for example "{name}_2"',),
        )
