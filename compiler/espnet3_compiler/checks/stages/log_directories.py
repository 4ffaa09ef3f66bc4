"""``log_dir`` of a stage kind: the key of a config that says where its log lies.

Passes: ``log_dir: tokens.save_path`` where the first config of the stage has that key; a path.
Fails: the key of no such config; one that holds a list, or an output of a stage.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.nodes import Lookup
from espnet3_compiler.expressions.template import parse_resolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stage_kind
from espnet3_compiler.stage_graph.log_directories import first_binding, log_key, log_value
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.tree import Mapping, Node, Scalar, node_at
from espnet3_compiler.syntax.unknown_name import unknown_name


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R214 for a kind's ``log_dir``, once for a kind."""
    seen = set()
    for stage in recipe.stages:
        kind = stage_kind(stage) or ""
        written = recipe.system.log_dirs.get(kind)
        if written is not None and log_key(stage) is not None and kind not in seen:
            for found in _check_stage(stage, written, resolved):
                seen.add(kind)
                yield found


def _check_stage(stage: StageDecl, written: Scalar, resolved: Resolved) -> Iterator[Diagnostic]:
    binding, value = first_binding(stage), log_value(stage, resolved)
    named = Label(stage.name.span, f'the log of stage "{stage.name.value}"')
    if binding is None:
        message = f'log_dir names a key, and stage "{stage.name.value}" reads no config'
        hint = "write a path, with a / in it: logs/"
        yield Diagnostic("R214", message, Label(written.span, "a key"), (named,), (hint,))
    elif value is None:
        config = resolved.configs.get(binding.config)
        if config is not None and resolved.is_certain(binding.config):
            yield from _unknown_key(written, binding.config, config, named)
    elif problem := _problem(value):
        at = Label(use_location(value), "its value")
        message = f'log_dir names "{written.value}", which {problem}'
        yield Diagnostic("R214", message, Label(written.span, "a directory"), (at, named))


def _unknown_key(written: Scalar, name: str, config: Mapping, named: Label) -> Iterator[Diagnostic]:
    """Report a key that the config does not have, with the names at that place.

    Args:
        written: The key.
        name: The name of the config.
        config: The config.
        named: The stage that has the log.
    """
    *above, _ = str(written.value).split(".")
    block = node_at(config, tuple(above))
    if isinstance(block, Mapping) and not has_certain_keys(block):
        return
    inner = isinstance(block, Mapping)
    names = [
        ".".join((*(above if inner else ()), entry.name))
        for entry in (block if isinstance(block, Mapping) else config)
    ]
    message = f'log_dir names "{written.value}", which config "{name}" does not have'
    hint = f'write it in config "{name}", or a path, with a / in it'
    yield replace(unknown_name("R214", message, written, names, hint), related=(named,))


def _problem(value: Node) -> str | None:
    """Return why a value is no directory that is known before a stage runs; null is none."""
    if not isinstance(value, Scalar) or not isinstance(value.value, str | None):
        return "is no directory"
    pieces = parse_resolved(value.value or "")
    return "is made by a stage" if any(isinstance(one, Lookup) for one in pieces) else None
