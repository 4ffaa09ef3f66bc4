"""Find the System that ``run.py`` launches, its stages and its defaults, without importing it."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from espnet3_compiler.convert.launched.base_classes import ClassText, class_order
from espnet3_compiler.convert.launched.config_uses import keys_read
from espnet3_compiler.convert.launched.declared_stages import StageEntry, declared_stages
from espnet3_compiler.convert.launched.modules import ModuleFinder, ParsedModule, read_module
from espnet3_compiler.convert.launched.run_script import (
    TEMPLATE_PACKAGE,
    UNREADABLE,
    RunScript,
    read_run_script,
)
from espnet3_compiler.convert.launched.stage_work import (
    KIND_ROLES,
    SUFFIX,
    Roles,
    StageWork,
    attribute_roles,
    find_method,
    stage_work,
)
from espnet3_compiler.convert.launched.template import ConfigTemplate, find_template
from espnet3_compiler.convert.notes import Notes, became, lost
from espnet3_compiler.diagnostics.source import Source, Span

RUN_SCRIPT = "run.py"
BASE_SYSTEM = "espnet3.systems.base.system.BaseSystem"
KNOWN_SYSTEMS = {
    "espnet3.systems.esp2_asr.system.ASRSystem": "asr",
    "espnet3.systems.asr.system.ASRSystem": "asr",
    BASE_SYSTEM: "base",
}
NO_SYSTEM = "the System is taken to be ASRSystem, with the template esp2_asr"


class LaunchedStage(Struct, frozen=True):
    """A stage of the System.

    Attributes:
        name: Its name.
        work: The stage kind that it is, with the role of its config; None for a method of its own.
        reads: What such a method reads: keys by role, or None for all of them.
        span: Where it is declared or defined.
        log_dir: The key of its first config that says where its log goes, of a method of its own.
    """

    name: str
    work: StageWork | None
    reads: dict[str, set[str] | None]
    span: Span
    log_dir: str | None = None


class LaunchedSystem(Struct, frozen=True):
    """What ``run.py`` launches.

    Attributes:
        base: The System here that has its stage kinds: ``asr`` or ``base``.
        path: The dotted path of its class, for methods of its own.
        template: The defaults of its configs.
        stages: In their order.
        roles: The role of the config in each attribute of the System.
    """

    base: str
    path: str
    template: ConfigTemplate
    stages: tuple[LaunchedStage, ...]
    roles: Roles

    def main_role(self) -> str:
        """Return the role of the config that it holds as ``training_config``."""
        return self.roles.get(f"training{SUFFIX}", "training")


def find_system(directory: Path, notes: Notes) -> LaunchedSystem:
    """Return the System that a recipe launches; note what cannot be read."""
    finder = ModuleFinder(directory)
    module = read_module(directory / RUN_SCRIPT, RUN_SCRIPT, directory, "run")
    if module is None:
        notes.add_file(RUN_SCRIPT, lost(f"it cannot be read; {NO_SYSTEM}"))
        empty = ParsedModule("run", ast.parse(""), Source(RUN_SCRIPT, ""))
        return _without_script(empty, directory, notes)
    script = read_run_script(module)
    if script.system is None:
        notes.add_file(RUN_SCRIPT, lost(f"it launches no System; {NO_SYSTEM}"))
        return _without_script(module, directory, notes)
    _note_flags(script, module, notes)
    text = ast.unparse(script.system)
    classes, base = _read_classes(finder, module, text, notes)
    name = classes[0][1].name if classes else module.imported_path(text).rpartition(".")[0]
    path = f"{name}.{classes[0][0].name}" if classes else module.imported_path(text)
    template = _find_template(script, name, directory, module, notes)
    roles = attribute_roles(classes)
    entries = declared_stages(classes, base, script.stages, module, finder)
    return LaunchedSystem(
        base,
        path,
        template,
        tuple(_launched_stages(entries, classes, roles, module, notes, finder)),
        roles,
    )


def _without_script(module: ParsedModule, directory: Path, notes: Notes) -> LaunchedSystem:
    template = find_template(f"{TEMPLATE_PACKAGE}esp2_asr", directory)
    finder = ModuleFinder(directory)
    entries = declared_stages((), "asr", None, module, finder)
    stages = tuple(_launched_stages(entries, (), {}, module, notes, finder))
    return LaunchedSystem("asr", "", template, stages, {})


def _note_flags(script: RunScript, module: ParsedModule, notes: Notes) -> None:
    for flag, call in script.flags:
        if flag.endswith(SUFFIX):
            to = f"{flag} of build/run.py"
            notes.add_other(module.span(call), flag, became(to, "each config has such a flag"))
        else:
            why = "run.py has the flags of the stages alone: make it a key of a config (--set)"
            notes.add_other(module.span(call), flag, lost(why))


def _read_classes(
    finder: ModuleFinder, module: ParsedModule, text: str, notes: Notes
) -> tuple[list[ClassText], str]:
    """Return the classes of a System that can be read, and the System of ESPnet3 below them.

    What is not known of its bases is noted.
    """
    order = class_order(finder, module, text, KNOWN_SYSTEMS)
    for span, name in order.left[:1]:
        notes.add_other(span, name, lost("its bases lead back to it, or are too many to follow"))
    why = "it is not found here: its stages are taken to be those of BaseSystem"
    if order.known:
        why = "it is not found here, and what its methods do is not known"
    for span, name in order.unknown:
        notes.add_other(span, name, lost(f"{why}; run this where it can be imported"))
    if order.classes and not order.known and not order.unknown:
        cls, module = order.classes[-1]
        notes.add_other(module.span(cls), cls.name, lost("it derives from no System of ESPnet3"))
    return order.classes, KNOWN_SYSTEMS[order.known[0]] if order.known else "base"


def _find_template(
    script: RunScript, module_name: str, directory: Path, module: ParsedModule, notes: Notes
) -> ConfigTemplate:
    """Return the defaults that a recipe names, or those that its System's module implies."""
    parts = module_name.split(".")
    implied = f"{TEMPLATE_PACKAGE}{parts[-2]}" if len(parts) > 1 else f"{TEMPLATE_PACKAGE}run"
    template = find_template(script.package or implied, directory)
    line = script.system if script.system is not None else module.tree
    if not template.is_known:
        folder = template.package.replace(".", "/") + "/conf"
        where = f"no {folder} lies above the recipe or on PYTHONPATH"
        hint = "" if script.package else ": give launch conf_package, the package with defaults"
        why = f"the defaults of its configs are missing: {where}{hint}"
        notes.add_other(module.span(line), template.package, lost(why))
    elif template.root is None and not template.is_released:
        to = f"{TEMPLATE_PACKAGE}{template.values}"
        why = "it has that name in release 202611, whose defaults are taken"
        notes.add_other(module.span(line), template.package, became(to, why))
    return template


def _launched_stages(
    entries: Sequence[StageEntry],
    classes: Sequence[ClassText],
    roles: Roles,
    module: ParsedModule,
    notes: Notes,
    finder: ModuleFinder,
) -> Iterator[LaunchedStage]:
    """Yield the stages with what their methods do.

    Args:
        entries: The stages as they are declared.
        classes: The class and its bases that can be read.
        roles: The role of the config in each attribute.
        module: ``run.py``.
        notes: Takes methods that do not fit.
        finder: Reads other modules.
    """
    for entry in entries:
        if entry.name == UNREADABLE:
            why = "it cannot be read: name and config of a stage are written out here"
            notes.add_other(module.span(entry.node), ast.unparse(entry.node), lost(why))
            continue
        found = find_method(classes, entry.name)
        span = found[1][1].span(found[0]) if found else module.span(entry.node)
        work = stage_work(classes, entry.name, roles)
        if work is None and entry.name in KIND_ROLES and found:
            owner = found[1][0].name
            why = f"{owner}.{entry.name} does more than that of ESPnet3; the stage here does not"
            notes.add_other(span, f"stage {entry.name}", lost(why))
            role = roles.get(KIND_ROLES[entry.name] + SUFFIX, KIND_ROLES[entry.name])
            work = StageWork(entry.name, role)
        elif work is None and found is None:
            notes.add_other(span, f"stage {entry.name}", lost("no such method is found here"))
            continue
        if work and entry.log_dir and entry.name not in KIND_ROLES:
            to = f"${{exp_dir}}/{entry.name}"
            what = f"log_dir of {entry.name}: {entry.log_dir}"
            notes.add_other(span, what, became(to, "the log of a stage is in its directory"))
        reads = {} if work else _keys_by_role(classes, entry, roles, finder)
        yield LaunchedStage(entry.name, work, reads, span, None if work else entry.log_dir)
    _note_undeclared(classes, [entry.name for entry in entries], notes)


def _keys_by_role(
    classes: Sequence[ClassText], entry: StageEntry, roles: Roles, finder: ModuleFinder
) -> dict[str, set[str] | None]:
    """Return the keys that a method reads of the configs that it has, by role.

    Args:
        classes: The class and its bases that can be read.
        entry: The stage.
        roles: The role of the config in each attribute.
        finder: Reads the modules of functions that it calls.
    """
    found = {
        roles.get(name, name.removesuffix(SUFFIX)): keys
        for name, keys in keys_read(classes, entry.name, finder).items()
    }
    found = {role: found[role] for role in (*entry.roles, *found) if role in found}
    first = next(iter(entry.roles), None)
    if entry.log_dir and first and (read := found.get(first)) is not None:
        read.add(entry.log_dir.partition(".")[0])
    return found or dict.fromkeys(entry.roles, None)


def _note_undeclared(classes: Sequence[ClassText], names: Sequence[str], notes: Notes) -> None:
    """Note public methods that are no stages: ESPnet3 refuses a class with them."""
    for cls, module in classes:
        for node in cls.body if cls.bases else ():  # ESPnet3 does not look at mixins
            if not isinstance(node, ast.FunctionDef) or node.decorator_list:
                continue
            if not node.name.startswith("_") and node.name not in names:
                why = f"a method of {cls.name} that its stages do not name: nothing runs it"
                notes.add_other(module.span(node), node.name, lost(why))
