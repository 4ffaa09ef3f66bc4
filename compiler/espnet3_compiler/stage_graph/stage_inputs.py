"""What a stage reads (parts of its configs, its model, its arguments), and what it writes."""

import re
from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved, RoleBinding, StageDecl
from espnet3_compiler.manifest.stage_kinds import (
    WILDCARD,
    has_own_method,
    keys_read_by,
    sample_readers,
    stage_kind,
    stages_of_kind,
)
from espnet3_compiler.schema.keys import unknown_key_paths
from espnet3_compiler.syntax.placeholder import has_certain_keys, is_placeholder
from espnet3_compiler.syntax.span_key import is_inherited
from espnet3_compiler.syntax.tree import (
    Mapping,
    Node,
    Path,
    Scalar,
    children,
    node_at,
    to_python,
)
from espnet3_schemas import TARGET

_STAGE_OUTPUT = re.compile(r"(?<!\\)(?:\\\\)*\$\{\s*stages\.(\w+)\.(\w+)\s*\}")


class StageLeaf(Struct, frozen=True):
    """A scalar that a stage reads, and its path inside the config, model or call."""

    path: Path
    node: Scalar


def bound_config(stage: StageDecl, role: str | None, resolved: Resolved) -> Mapping | None:
    """Return the config that a stage reads in a role, if it has one.

    Args:
        stage: A stage of the recipe.
        role: For example ``training``.
        resolved: The values of the configs.
    """
    names = [binding.config for binding in stage.configs if binding.role == role]
    return resolved.configs.get(names[0]) if names else None


def certain_config(stage: StageDecl, role: str, resolved: Resolved) -> Mapping | None:
    """Return the config that a stage reads in a role, if it was read to its end and is valid.

    Args:
        stage: A stage of the recipe.
        role: For example ``training``.
        resolved: The values of the configs.
    """
    names = [binding.config for binding in stage.configs if binding.role == role]
    return resolved.configs.get(names[0]) if names and resolved.is_certain(names[0]) else None


def certain_configs(kind: str, role: str, recipe: Recipe, resolved: Resolved) -> Iterator[Mapping]:
    """Yield the configs that the stages of a kind read in a role, where these are certain.

    Args:
        kind: A kind of stage, for example ``train``.
        role: For example ``training``.
        recipe: The recipe.
        resolved: The values of the configs.
    """
    for stage in stages_of_kind(kind, recipe):
        if config := certain_config(stage, role, resolved):
            yield config


def leaves_read_by(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> tuple[StageLeaf, ...]:
    """Return every scalar that a stage reads, defaults included.

    Of a config a stage reads the keys that are declared for its kind and role, less what
    it ignores there; of the manifest its model node, if it builds the model, and ``init_from``.

    Args:
        stage: A stage of the recipe.
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
    """
    key = "leaves", id(stage)
    if key not in resolved.memo:
        resolved.memo[key] = stage, tuple(_find_leaves(stage, recipe, resolved))
    leaves: tuple[StageLeaf, ...] = resolved.memo[key][1]
    return leaves


class OutputUse(Struct, frozen=True):
    """A ``${stages.STAGE.OUTPUT}`` in what a stage reads, and where it stands."""

    leaf: StageLeaf
    stage: str
    output: str
    span: Span


def outputs_read_by(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> tuple[OutputUse, ...]:
    """Return every ``${stages.STAGE.OUTPUT}`` in what a stage reads.

    Args:
        stage: A stage of the recipe.
        recipe: The declarations of the manifest.
        resolved: The values of its configs.
    """
    key = "uses", id(stage)
    if key not in resolved.memo:
        leaves = leaves_read_by(stage, recipe, resolved)
        late = [leaf for leaf in leaves if "${" in str(leaf.node.value)]
        found = (OutputUse(leaf, *use) for leaf in late for use in output_uses(leaf.node))
        resolved.memo[key] = stage, tuple(found)
    uses: tuple[OutputUse, ...] = resolved.memo[key][1]
    return uses


def _find_leaves(stage: StageDecl, recipe: Recipe, resolved: Resolved) -> list[StageLeaf]:
    found: list[StageLeaf] = []
    ignored = [tuple(text.split(".")) for text in stage.spec.get("ignores", ())]
    for binding in stage.configs:
        node = resolved.configs.get(binding.config)
        keys = binding_keys(stage, binding, recipe)
        own = node.get("model") if node else None
        unbuilt = _unbuilt_keys(stage, own) if isinstance(own, Mapping) else ()
        doubtful = node if binding.config in resolved.invalid else None
        unknown = unknown_key_paths(doubtful, binding.role, recipe.library) if doubtful else ()
        unread = (
            *ignored,
            *(tuple(map(str, path)) for path in unknown),
            *(("model", *path) for path in unbuilt),
        )
        for entry in node or ():
            if WILDCARD in keys or entry.name in keys:
                below = walk_leaves(entry.value, (entry.name,), _paths_below(unread, entry.name))
                if doubtful:
                    below = [leaf for leaf in below if not _is_replaced(leaf, doubtful)]
                found += below
    model = stage.model if reads_model(stage, resolved) else None
    if model and (node := resolved.models.get(str(model.value))):
        found += walk_leaves(node, (), _unbuilt_keys(stage, node))
    if node := resolved.calls.get(str(stage.name.value)):
        found += walk_leaves(node)
    if start := resolved.init_from.get(str(stage.name.value), stage.init_from):
        found.append(StageLeaf(("init_from",), start))
    return found


def _is_replaced(leaf: StageLeaf, config: Mapping) -> bool:
    """Return whether a key of a config that could not be read may replace an inherited value."""
    if not is_inherited(leaf.node):
        return False
    nodes = [node_at(config, leaf.path[:length]) for length in range(len(leaf.path))]
    keys = [entry.key for node in nodes if isinstance(node, Mapping) for entry in node]
    return any(is_placeholder(key) and not is_inherited(key) for key in keys)


def _unbuilt_keys(stage: StageDecl, model: Mapping) -> tuple[tuple[str, ...], ...]:
    """Return the keys of a task's model that a stage leaves out when it builds it.

    ``collect_stats`` computes the statistics that normalisation reads, and builds the model
    without normalisation: ``task_without`` of its kind.
    """
    endings = tuple(stage.spec.get("task_without", ()))
    is_task = model.entry("task") is not None and model.entry(TARGET) is None
    if not endings or (not is_task and has_certain_keys(model)):
        return ()
    return tuple(
        (entry.name,)
        for entry in model
        if entry.name.endswith(endings) or is_placeholder(entry.key)
    )


def binding_keys(stage: StageDecl, binding: RoleBinding, recipe: Recipe) -> tuple[str, ...]:
    """Return the top-level keys that a stage reads of a config; ``*`` is all.

    Args:
        stage: A stage of the recipe.
        binding: The config and its role.
        recipe: The declarations of the manifest.
    """
    keys = keys_read_by(stage, binding.role, recipe)
    return (*keys, "model") if builds_model(stage) and binding.role == "training" else keys


def builds_model(stage: StageDecl) -> bool:
    """Return whether a stage of this kind may build a model."""
    return stage_kind(stage) is not None and stage.spec["model"] != "none"


def reads_model(stage: StageDecl, resolved: Resolved) -> bool:
    """Return whether a stage builds the model that the manifest gives it.

    It does not where its config has a model of its own, or the key that its kind names as
    ``model_unless``: ``collect_stats`` with ``features`` of its own needs no model.
    """
    if not builds_model(stage) or own_model(stage, resolved):
        return False
    if not all(resolved.is_certain(binding.config) for binding in stage.configs):
        return False
    role, *path = str(stage.spec.get("model_unless", "")).split(".")
    if not path:
        return True
    config = bound_config(stage, role, resolved)
    given = node_at(config, tuple(path)) if config else None
    return config is not None and (given is None or to_python(given) is None)


def _model_role(stage: StageDecl) -> str | None:
    """Return the role of the config in which a stage looks for a model."""
    return sample_readers().get(stage_kind(stage) or "") if builds_model(stage) else None


def may_have_model(stage: StageDecl, resolved: Resolved) -> bool:
    """Return whether the config of a stage has a model of its own, or is incomplete."""
    role = _model_role(stage)
    names = [binding.config for binding in stage.configs if binding.role == role]
    node = resolved.configs.get(names[0]) if names else None
    if node is None or not resolved.is_certain(names[0]):
        return True
    model = node.get("model")
    return model is not None and to_python(model) is not None


def own_model(stage: StageDecl, resolved: Resolved) -> Mapping | None:
    """Return the ``model`` of the config from which a stage builds its model, if it has one."""
    key = "own model", id(stage)
    if key not in resolved.memo:  # most checks of models ask
        config = bound_config(stage, _model_role(stage), resolved)
        model = config.get("model") if config else None
        resolved.memo[key] = stage, model if isinstance(model, Mapping) else None
    own: Mapping | None = resolved.memo[key][1]
    return own


def model_of(stage: StageDecl, resolved: Resolved) -> Mapping | None:
    """Return the model that a stage builds: that of its config, or the one that it names."""
    own = own_model(stage, resolved)
    named = stage.model if own is None and reads_model(stage, resolved) else None
    return own or (resolved.models.get(str(named.value)) if named else None)


def call_outputs(stage: StageDecl, resolved: Resolved) -> Iterator[tuple[str, Scalar]]:
    """Yield the outputs of a ``call`` stage: the name and the path of each."""
    node = resolved.calls.get(str(stage.name.value), stage.node)
    outputs = node_at(node, ("outputs",)) if stage.call else None
    for entry in outputs if isinstance(outputs, Mapping) else ():
        if isinstance(entry.value, Scalar):
            yield entry.name, entry.value


def outputs_of(stage: StageDecl, recipe: Recipe) -> dict[str, str] | None:
    """Return the outputs of a stage with their raw paths; None where they cannot be known."""
    if stage.call:
        if not (has_certain_keys(stage.node) and has_certain_keys(stage.outputs)):
            return None
        pairs = stage.outputs.entries if stage.outputs else ()
        return {entry.name: str(getattr(entry.value, "value", "")) for entry in pairs}
    if has_own_method(stage, recipe):
        return None
    outputs: dict[str, dict[str, str]] = stage.spec["outputs"]
    return {
        name: entry["path"]
        for name, entry in outputs.items()
        if "model_by" not in entry or _has_model_by(stage, recipe, entry["model_by"])
    }


def _has_model_by(stage: StageDecl, recipe: Recipe, key: str) -> bool:
    """Return whether a stage has, or may have, a model of the kind that a key marks: ``task``."""
    if stage.model is None:
        return not recipe.names_complete
    nodes = [model.node for model in recipe.models if model.name.value == stage.model.value]
    marked = (node.entry(key) and not node.entry(TARGET) for node in nodes)
    return any(marked) or not all(map(has_certain_keys, nodes))


def output_uses(leaf: Scalar) -> Iterator[tuple[str, str, Span]]:
    """Yield every ``${stages.STAGE.OUTPUT}`` in a scalar: stage, output and span."""
    if not isinstance(leaf.value, str) or "${" not in leaf.value:
        return
    raw = {match.groups(): match for match in _STAGE_OUTPUT.finditer(leaf.span.text)}
    for match in _STAGE_OUTPUT.finditer(leaf.value):
        span = leaf.span
        if found := raw.get(match.groups()):
            start = leaf.span.start + found.group().index("${") + found.start()
            span = Span(leaf.span.source, start, leaf.span.start + found.end())
        yield match[1], match[2], span


def walk_leaves(
    node: Node, path: Path = (), ignored: tuple[tuple[str, ...], ...] = ()
) -> list[StageLeaf]:
    """Return every scalar below a node, without those below an ignored path.

    Args:
        node: The node to start from.
        path: Its path, a prefix of the paths of the leaves.
        ignored: Paths relative to the node, ``*`` for any step.
    """
    found: list[StageLeaf] = []  # generators in each other would take twice the time
    _add_leaves(found, node, path, ignored)
    return found


def _add_leaves(
    found: list[StageLeaf], node: Node, path: Path, ignored: tuple[tuple[str, ...], ...]
) -> None:
    if () in ignored:
        return
    if isinstance(node, Scalar):
        found.append(StageLeaf(path, node))
        return
    for step, child in children(node):
        below = ignored and _paths_below(ignored, str(step))
        if isinstance(child, Scalar) and () not in below:  # most are; a call for each costs more
            found.append(StageLeaf((*path, step), child))
        else:
            _add_leaves(found, child, (*path, step), below)


def _paths_below(paths: tuple[tuple[str, ...], ...], step: str) -> tuple[tuple[str, ...], ...]:
    return tuple(path[1:] for path in paths if path[0] in ("*", step))


def starting_weights(stage: StageDecl, resolved: Resolved) -> str | None:
    """Return ``init_from`` of a stage: a stage or path, and which part goes where."""
    start = resolved.init_from.get(str(stage.name.value), stage.init_from)
    return f"{start.value}{stage.init_parts}" if start else None
