"""``run.py`` and ``system.py``: templates, and the ready values that they receive."""

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from espnet3_compiler.emit.literal import (
    LINE_LENGTH,
    Group,
    Layout,
    Text,
    dotted,
    identifier,
    lay_out,
    string,
    string_map,
    strings,
    width,
)
from espnet3_compiler.emit.lock import relative
from espnet3_compiler.plan import Plan, StagePlan

RECIPE_NAME = re.compile(r"[A-Za-z0-9_./-]+")
FILE_NAME = re.compile(r"[A-Za-z0-9_.-]+")
RECIPE_PACKAGES = ("src", "dataset")
BUILT_IN = "espnet3_runtime."
RESERVED = ("ConfigView", "Outputs", "StageContext", "StageSpec")


def run_text(plan: Plan, build: Path) -> str:
    """Return the text of ``run.py``.

    Args:
        plan: What is run.
        build: The absolute build directory; a System of the recipe is imported from the recipe
            directory, which the file names from there.
    """
    recipe_dir = None
    if not plan.system.startswith(BUILT_IN):
        recipe_dir = string(relative(plan.manifest.parent, build))
    return _render("run.py.j2", {**_common(plan), "recipe_dir": recipe_dir})


def system_text(plan: Plan) -> str:
    """Return the text of ``system.py``."""
    base = _base_name(plan)
    values = {
        "imports": _imports(plan, base),
        "base": base,
        "stages": _stages(plan),
        "constructor": _constructor(plan),
        "methods": [_method(stage) for stage in plan.stages if _needs_method(stage)],
    }
    return _render("system.py.j2", _common(plan) | values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("espnet3_compiler.emit"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Python, not HTML; values come through emit.literal
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(template: str, values: dict[str, object]) -> str:
    return _environment().get_template(template).render(values)


def _common(plan: Plan) -> dict[str, object]:
    if not RECIPE_NAME.fullmatch(plan.recipe):
        raise ValueError(f"not a recipe name: {plan.recipe!r}")
    name = plan.manifest.name
    return {
        "recipe": plan.recipe,
        "manifest": name if FILE_NAME.fullmatch(name) else "the manifest",
        "digest": plan.digest,
        "name": identifier(plan.class_name),
    }


def _base_name(plan: Plan) -> str:
    name = plan.system.rpartition(".")[2]
    return "ParentSystem" if name in (*RESERVED, plan.class_name) else identifier(name)


def _imports(plan: Plan, base: str) -> str:
    module, _, name = plan.system.rpartition(".")
    parent = identifier(name) if base == name else f"{identifier(name)} as {base}"
    stage = ["StageSpec"]
    if any(_needs_method(stage) for stage in plan.stages):
        stage = ["Outputs", "StageContext", "StageSpec"]
    names = {"espnet3_runtime.stage": stage}
    if plan.configs:
        names["espnet3_runtime.config"] = ["ConfigView"]
    names.setdefault(dotted(module), []).append(parent)
    groups = ([m for m in names if not _is_own(m)], [m for m in names if _is_own(m)])
    blocks = [
        "\n".join(_import(each, sorted(names[each])) for each in sorted(group, key=_alphabet))
        for group in groups
    ]
    return "\n\n".join(block for block in blocks if block)


def _is_own(module: str) -> bool:
    return module.partition(".")[0] in RECIPE_PACKAGES


def _alphabet(module: str) -> tuple[str, str]:
    return module.lower(), module


def _import(module: str, names: list[str]) -> str:
    head = f"from {module} import "
    flat = head + ", ".join(names)
    return flat if len(flat) <= LINE_LENGTH else lay_out(_calling(f"{head}(", names, ")"))


def _calling(opening: str, items: list[str], closing: str) -> Group:
    return Group(opening, tuple(("", item) for item in items), closing)


def _stages(plan: Plan) -> str:
    specs = [_spec(stage) for stage in plan.stages]
    if len(specs) == 1:
        return lay_out(Group("(", (("", specs[0]),), ")", single=","), 4, "stages = ")
    lines = [lay_out(spec, 8, after=",") for spec in specs]
    return "\n".join(["    stages = (", *lines, "    )"])


def _spec(stage: StagePlan) -> Group:
    items: list[tuple[str, Layout]] = [("name=", Text(stage.name))]
    if stage.run is not None:
        items.append(("run=", Text(stage.run)))
    if stage.call is not None:
        items.append(("call=", Text(stage.call)))
    if stage.configs:
        items.append(("configs=", string_map(stage.configs)))
    if stage.model is not None:
        items.append(("model=", Text(stage.model)))
    if stage.init_from is not None:
        items.append(("init_from=", Text(stage.init_from)))
    if stage.needs:
        items.append(("needs=", strings(stage.needs)))
    if stage.description:
        items.append(("description=", Text(stage.description)))
    return Group("StageSpec(", tuple(items), ")")


def _constructor(plan: Plan) -> str:
    names = {config.name: identifier(f"{config.name}_config") for config in plan.configs}
    arguments = [f"{name}: ConfigView" for name in names.values()]
    head = ["self", "*", *arguments] if arguments else ["self"]
    signature = lay_out(_calling("def __init__(", head, ") -> None:"), 4)
    configs = Group("{", tuple((f"{string(key)}: ", name) for key, name in names.items()), "}")
    call = lay_out(Group("super().__init__(", (("configs=", configs),), ")"), 8)
    return f"{signature}\n{call}"


def _needs_method(stage: StagePlan) -> bool:
    return stage.call is not None or stage.name != stage.run


def _method(stage: StagePlan) -> str:
    signature = f"def {identifier(stage.name)}("
    arguments = ["self", "context: StageContext"]
    lines = [
        lay_out(_calling(signature, arguments, ") -> Outputs:"), 4),
        f'        """{_summary(stage)}"""',
        lay_out(_delegation(stage), 8, "return "),
    ]
    return "\n".join(lines)


def _delegation(stage: StagePlan) -> Group:
    if stage.call is not None:
        return Group("self.call(", (("", Text(dotted(stage.call))), ("", "context")), ")")
    assert stage.run is not None
    return _calling(f"self.{identifier(stage.run)}(", ["context"], ")")


def _summary(stage: StagePlan) -> str:
    if stage.call is not None:
        full, short = f"Call ``{dotted(stage.call)}``.", "Call a function of the recipe."
    else:
        assert stage.run is not None
        short = f"Run ``{identifier(stage.run)}``."
        names = [identifier(name) for name in dict.fromkeys(stage.configs.values())]
        plural = "config" if len(names) == 1 else "configs"
        full = f"{short[:-1]} with the {plural} {', '.join(names)}." if names else short
    return full if width(full) + 14 <= LINE_LENGTH else short
