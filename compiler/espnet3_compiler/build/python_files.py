"""Generate ``run.py`` and ``system.py`` from templates."""

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from espnet3_compiler.build.lock import relative_path
from espnet3_compiler.build.plan import Plan, StagePlan
from espnet3_compiler.build.python_text import (
    block,
    long_string,
    require_dotted_path,
    require_identifier,
    string_literal,
    string_map,
    string_tuple,
)

RECIPE_NAME = re.compile(r"[A-Za-z0-9_./-]+")
FILE_NAME = re.compile(r"[A-Za-z0-9_.-]+")
RECIPE_PACKAGES = ("src", "dataset")
RUNTIME_PREFIX = "espnet3_runtime."
LONGEST_SUMMARY = 86
"""Characters of a docstring that fits its line inside a class."""
RESERVED_NAMES = ("ConfigView", "Outputs", "StageContext", "StageSpec")


def run_text(plan: Plan, build: Path) -> str:
    """Return the text of ``run.py`` for an absolute build directory."""
    recipe_dir = None  # needed to import a System of the recipe
    if not plan.system.startswith(RUNTIME_PREFIX):
        recipe_dir = string_literal(relative_path(plan.manifest.parent, build))
    return _render_template("run.py.j2", {**_common_values(plan), "recipe_dir": recipe_dir})


def system_text(plan: Plan) -> str:
    """Return the text of ``system.py``."""
    base = _base_name(plan)
    values = {
        "imports": _import_blocks(plan, base),
        "base": base,
        "stages": block("stages = (", [_stage_spec(stage) for stage in plan.stages], ")"),
        **_constructor_text(plan),
        "methods": [_stage_method(stage) for stage in plan.stages if _needs_method(stage)],
    }
    return _render_template("system.py.j2", _common_values(plan) | values)


@cache
def _jinja_environment() -> Environment:
    return Environment(
        loader=PackageLoader("espnet3_compiler.build"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Python, not HTML; values come through python_text
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render_template(template: str, values: dict[str, object]) -> str:
    return _jinja_environment().get_template(template).render(values)


def _common_values(plan: Plan) -> dict[str, object]:
    if not RECIPE_NAME.fullmatch(plan.recipe):
        raise ValueError(f"not a recipe name: {plan.recipe!r}")
    name = plan.manifest.name
    return {
        "recipe": plan.recipe,
        "manifest": name if FILE_NAME.fullmatch(name) else "the manifest",
        "digest": plan.digest,
        "name": require_identifier(plan.class_name),
    }


def _base_name(plan: Plan) -> str:
    name = plan.system.rpartition(".")[2]
    taken = name in (*RESERVED_NAMES, plan.class_name)
    return "ParentSystem" if taken else require_identifier(name)


def _import_blocks(plan: Plan, base: str) -> str:
    module, _, name = plan.system.rpartition(".")
    parent = require_identifier(name) if base == name else f"{require_identifier(name)} as {base}"
    stage = ["StageSpec"]
    if any(_needs_method(stage) for stage in plan.stages):
        stage = ["Outputs", "StageContext", "StageSpec"]
    names = {"espnet3_runtime.stage": stage}
    if plan.configs:
        names["espnet3_runtime.config"] = ["ConfigView"]
    names.setdefault(require_dotted_path(module), []).append(parent)
    lines: dict[bool, list[str]] = {False: [], True: []}
    for each in sorted(names, key=lambda name: (name.lower(), name)):
        is_of_recipe = each.partition(".")[0] in RECIPE_PACKAGES
        lines[is_of_recipe].append(f"from {each} import {', '.join(sorted(names[each]))}")
    return "\n\n".join("\n".join(group) for group in lines.values() if group)


def _stage_spec(stage: StagePlan) -> str:
    literals = {
        "name": string_literal(stage.name),
        "run": string_literal(stage.run) if stage.run is not None else "",
        "call": string_literal(stage.call) if stage.call is not None else "",
        "configs": string_map(stage.configs) if stage.configs else "",
        "model": string_literal(stage.model) if stage.model is not None else "",
        "init_from": string_literal(stage.init_from) if stage.init_from is not None else "",
        "needs": string_tuple(stage.needs) if stage.needs else "",
        "description": long_string(stage.description) if stage.description else "",
    }
    given = [f"{key}={literal}" for key, literal in literals.items() if literal]
    return block("StageSpec(", given, ")")


def _constructor_text(plan: Plan) -> dict[str, str]:
    """Return the beginning of ``__init__`` and the call in it."""
    names = {config.name: require_identifier(f"{config.name}_config") for config in plan.configs}
    arguments = [f"{name}: ConfigView" for name in names.values()]
    head = ["self", "*", *arguments] if arguments else ["self"]
    configs = block("{", [f"{string_literal(key)}: {name}" for key, name in names.items()], "}")
    return {
        "signature": block("def __init__(", head, ") -> None:"),
        "parent_call": block("super().__init__(", [f"configs={configs}"], ")"),
    }


def _needs_method(stage: StagePlan) -> bool:
    return stage.call is not None or stage.name != stage.run


def _stage_method(stage: StagePlan) -> dict[str, str]:
    if stage.call is not None:
        call = require_dotted_path(stage.call)
        work = f"self.call({string_literal(call)}, context)"
        summary, short = f"Call ``{call}``.", "Call a function of the recipe."
    else:
        kind = require_identifier(stage.run or "")
        work, short = f"self.{kind}(context)", f"Run ``{kind}``."
        names = [require_identifier(name) for name in dict.fromkeys(stage.configs.values())]
        plural = "config" if len(names) == 1 else "configs"
        summary = f"{short[:-1]} with the {plural} {', '.join(names)}." if names else short
    return {
        "name": require_identifier(stage.name),
        "summary": summary if len(summary) <= LONGEST_SUMMARY else short,
        "work": work,
    }
