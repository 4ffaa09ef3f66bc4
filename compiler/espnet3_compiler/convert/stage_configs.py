"""The configs of stages that are methods of the ESPnet3 System: what these read, as it was."""

from collections.abc import Mapping as MappingABC

from msgspec import Struct
from msgspec.structs import replace

from espnet3_compiler.convert.configs.artifacts import INFERENCE_DIR
from espnet3_compiler.convert.configs.draft import Block
from espnet3_compiler.convert.launched.stage_work import KIND_ROLES, SUFFIX
from espnet3_compiler.convert.launched.system import LaunchedStage, LaunchedSystem
from espnet3_compiler.convert.notes import Notes, became, left_out, lost
from espnet3_compiler.syntax.tree import Mapping, Node, Plain, children
from espnet3_schemas import TARGET

ALWAYS = ("recipe_dir", "exp_dir")
KNOWN_ROLES = frozenset(KIND_ROLES.values())
"""Keys that a System of ESPnet3 reads when it is made."""


class StageConfig(Struct, frozen=True):
    """The config of one role of a method of the System.

    Attributes:
        stage: The stage.
        attribute: Where the System has it, for example ``training_config``.
        name: Its name in the manifest, which is its role here.
        values: Its keys, as ESPnet3 has them.
        log_dir: Where the log of the stage goes, as a declaration says it; of its first config.
    """

    stage: str
    attribute: str
    name: str
    values: dict[str, Plain]
    log_dir: str | None = None


def convert_stage_configs(
    launched: LaunchedSystem, roots: MappingABC[str, Block], notes: Notes
) -> tuple[StageConfig, ...]:
    """Return the configs that methods of the System read.

    Args:
        launched: The System.
        roots: The configs by their roles.
        notes: Takes roles without a config.
    """
    attributes = {role: name for name, role in launched.roles.items()}
    made = []
    for stage in launched.stages:
        log_dir = stage.log_dir
        for role, keys in stage.reads.items():
            if role not in roots:
                why = f"its method reads the config {role}, and no file of conf is that"
                notes.add_other(stage.span, f"stage {stage.name}", lost(why))
                continue
            name = stage.name if len(stage.reads) == 1 else f"{stage.name}_{role}"
            attribute = attributes.get(role, role + SUFFIX)
            values = _values_read(roots[role], keys if role in KNOWN_ROLES else None, stage, name)
            place = _log_place(log_dir, values)
            made.append(StageConfig(stage.name, attribute, name, values, place))
            if log_dir:
                what, where = f"log_dir of {stage.name}: {log_dir}", f"log_dir of {stage.name}"
                why = "it has no such key: the log of the stage is in its directory"
                note = became(where, "declared of the stage") if place else left_out(why)
                notes.add_other(stage.span, what, note)
            log_dir = None
    return tuple(made)


def _log_place(key: str | None, values: Plain) -> str | None:
    """Return ``log_dir`` of a declaration for that of ESPnet3, a key of the first config."""
    if key in ("data_dir", "exp_dir"):
        return f"${{{key}}}"
    for part in key.split(".") if key else ():
        values = values.get(part) if isinstance(values, dict) else None
    return key if isinstance(values, str) else None


def _values_read(
    root: Block, keys: set[str] | None, stage: LaunchedStage, name: str
) -> dict[str, Plain]:
    """Return the keys that a method reads; all where it hands the config on."""
    values: dict[str, Plain] = {}
    artifacts = root.context.artifacts
    if keys is None and stage.work is None and root.has_value("trainer"):
        why = f"{stage.name} hands it on whole, to code that cannot be read: what else it reads is"
        hidden = [entry.name for entry in root.node or () if _has_target(entry.value)]
        keys = {entry.name for entry in root.node or ()} - set(hidden)
        what = f"{why} not known; it has no {', '.join(hidden)}"
        root.context.notes.add_other(stage.span, f"config of {stage.name}", lost(what))
    for entry in root.node or ():
        if keys is None or entry.name in keys or entry.name in ALWAYS:
            values[entry.name] = root.context.values.plain(entry.value, (entry.name,))
        if keys is None or entry.name in keys:
            why = f"the method {stage.name} of the System reads it"
            to = f"{entry.name} of the config {name}"
            root.context.notes.mark_used(entry, became(to, why))
    made = {path: name for path, name in artifacts.known.items() if name != INFERENCE_DIR}
    plain = replace(artifacts, known=made).translate_paths(values)
    assert isinstance(plain, dict)
    return plain


def _has_target(node: Node) -> bool:
    """Return whether there is something to construct in a block: it cannot be a mere value here."""
    own = isinstance(node, Mapping) and node.entry(TARGET) is not None
    return own or any(_has_target(child) for _, child in children(node))
