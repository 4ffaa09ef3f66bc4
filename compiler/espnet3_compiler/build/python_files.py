"""``run.py`` and ``system.py``: templates, and the ready values that they receive."""

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
    """Return the text of ``run.py``.

    Args:
        plan: What is run.
        build: The absolute build directory; a System of the recipe is imported from the recipe
            directory, which the file names from there.
    """
    recipe_dir = None
    if not plan.system.startswith(RUNTIME_PREFIX):
        recipe_dir = string_literal(relative_path(plan.manifest.parent, build))
    return _render_template("run.py.j2", {**_common_values(plan), "recipe_dir": recipe_dir})


def system_text(plan: Plan) -> str:
    """Return the text of ``system.py``."""
    base = _base_name(plan)
    values = {
        "imports": _import_blocks(plan, base),
        "base": base,
        "stages": _stages_text(plan),
        **_constructor_text(plan),
        "methods": [_stage_method(stage) for stage in plan.stages if _needs_method(stage)],
    }
    return _render_template("system.py.j2", _common_values(plan) | values)


@cache
def _jinja_environment() -> Environment:
    return Environment(
        loader=PackageLoader("espnet3_compiler.build"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Python, not HTML; values come through emit.literal
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
    return (
        "ParentSystem" if name in (*RESERVED_NAMES, plan.class_name) else require_identifier(name)
    )


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
    groups = (
        [m for m in names if not _is_recipe_module(m)],
        [m for m in names if _is_recipe_module(m)],
    )
    blocks = [
        "\n".join(
            _import_line(each, sorted(names[each])) for each in sorted(group, key=_module_sort_key)
        )
        for group in groups
    ]
    return "\n\n".join(block for block in blocks if block)


def _is_recipe_module(module: str) -> bool:
    return module.partition(".")[0] in RECIPE_PACKAGES


def _module_sort_key(module: str) -> tuple[str, str]:
    return module.lower(), module


def _import_line(module: str, names: list[str]) -> str:
    return f"from {module} import {', '.join(names)}"


def _stages_text(plan: Plan) -> str:
    return block("stages = (", [_stage_spec(stage) for stage in plan.stages], ")")


def _stage_spec(stage: StagePlan) -> str:
    items = {"name": stage.name, "run": stage.run, "call": stage.call}
    more = {"model": stage.model, "init_from": stage.init_from}
    lines = [f"{key}={string_literal(value)}" for key, value in items.items() if value is not None]
    if stage.configs:
        lines.append(f"configs={string_map(stage.configs)}")
    lines += [f"{key}={string_literal(value)}" for key, value in more.items() if value is not None]
    if stage.needs:
        lines.append(f"needs={string_tuple(stage.needs)}")
    if stage.description:
        lines.append(f"description={long_string(stage.description)}")
    return block("StageSpec(", lines, ")")


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
        work = f"self.call({string_literal(require_dotted_path(stage.call))}, context)"
    else:
        work = f"self.{require_identifier(stage.run or '')}(context)"
    return {
        "name": require_identifier(stage.name),
        "summary": _method_docstring(stage),
        "work": work,
    }


def _method_docstring(stage: StagePlan) -> str:
    if stage.call is not None:
        full, short = (
            f"Call ``{require_dotted_path(stage.call)}``.",
            "Call a function of the recipe.",
        )
    else:
        assert stage.run is not None
        short = f"Run ``{require_identifier(stage.run)}``."
        names = [require_identifier(name) for name in dict.fromkeys(stage.configs.values())]
        plural = "config" if len(names) == 1 else "configs"
        full = f"{short[:-1]} with the {plural} {', '.join(names)}." if names else short
    return full if len(full) <= LONGEST_SUMMARY else short
