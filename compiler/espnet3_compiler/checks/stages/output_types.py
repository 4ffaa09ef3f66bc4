"""Outputs of the right stage that are not what a key or an argument wants.

Passes: ``feats_stats: ${stages.collect_stats.feats_stats}``; ``names: ${stages.tok.token_list}``.
Fails: ``feats_stats: ${stages.collect_stats.train_shapes}``; the ``curves`` of a training as
``checkpoint``; ``token_list`` and ``tokenizer_model`` exchanged.

An argument wants an output by its name: that of another output of the stage, or a word that says
what is in just one of them.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.stages.missing_artifacts import has_default_provider
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import is_custom_kind, stages_of_kind
from espnet3_compiler.stage_graph.graph import INIT_OUTPUT
from espnet3_compiler.stage_graph.stage_inputs import output_uses, outputs_of
from espnet3_compiler.syntax.span_key import span_key
from espnet3_compiler.syntax.tree import Mapping, Path, Scalar, node_at
from espnet3_schemas import TARGET

_NO_WEIGHTS = ("json", "jsonl", "npz", "sentencepiece", "text", "yaml")
"""Types of outputs that hold no weights."""

_CONTENTS = {
    **{word: word for word in ("checkpoint", "stats", "shapes", "token")},
    "tokens": "token",
}
"""Words of outputs and arguments that say what is in a file."""

_NEUTRAL = (
    "cmvn",
    "feat",
    "feats",
    "feature",
    "features",
    "file",
    "global",
    "list",
    "norm",
    "path",
)
"""Words beside them that do not change what is wanted."""

_MODEL = "tokenizer_model"
_TOKENIZERS = ("espnet3_runtime.data.preprocess.TextToTokens",)
"""Classes of which the argument ``tokenizer`` is a SentencePiece model."""

_CHECKPOINTS: dict[Path, str] = {
    ("checkpoint",): INIT_OUTPUT,
    ("cluster", "checkpoint"): INIT_OUTPUT,
    ("fit", "ckpt_path"): "last_checkpoint",
}
"""Keys of configs that name weights, and the output that they usually name."""


class _Use(Struct, frozen=True):
    """An output that a key names: the key's path, the stage, the output and its span."""

    path: Path
    owner: Mapping
    stage: StageDecl
    output: str
    span: Span


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R423, once for outputs that are exchanged."""
    found: dict[object, tuple[_Use, str]] = {}
    for use in _uses(recipe, resolved):
        meant = _meant_output(use, recipe)
        if meant:
            found.setdefault(span_key(use.span), (use, meant))
    waiting = list(found.values())
    while waiting:
        use, meant = waiting.pop(0)
        given = f"{use.stage.name.value}.{use.output}"
        swapped = [one for one in waiting if one[0].owner is use.owner and one[1] == given]
        waiting = [one for one in waiting if one not in swapped]
        yield _wrong_output(use, meant, [one[0] for one in swapped])


def _uses(recipe: Recipe, resolved: Resolved) -> Iterator[_Use]:
    stages = {str(one.name.value): one for one in recipe.stages}
    roots: list[Mapping] = [*resolved.models.values(), *resolved.configs.values()]
    roots += [
        one for call in resolved.calls.values() if isinstance(one := call.get("with"), Mapping)
    ]
    for root in roots:
        for path, leaf in recipe.scalars_of(root):
            owner = node_at(root, path[:-1]) if "${" in str(leaf.value) else None
            if not isinstance(owner, Mapping):
                continue
            uses = list(output_uses(leaf))
            if len(uses) == 1 and leaf.value == f"${{stages.{uses[0][0]}.{uses[0][1]}}}":
                name, output, span = uses[0]
                if name in stages and not is_custom_kind(stages[name], recipe):
                    yield _Use(path, owner, stages[name], output, span)


def _meant_output(use: _Use, recipe: Recipe) -> str | None:
    """Return the ``STAGE.OUTPUT`` that a key wants, if it is another one than it names."""
    known = outputs_of(use.stage, recipe)
    if known is None or use.output not in known or use.stage.call:
        return None
    if use.path in _CHECKPOINTS:
        return _meant_weights(use, recipe)
    key, target = str(use.path[-1]), use.owner.get(TARGET)
    wanted = [key] if key in known else [name for name in known if _share_content(name, key)]
    if key == "tokenizer" and isinstance(target, Scalar) and target.value in _TOKENIZERS:
        wanted = [_MODEL] if _MODEL in known else []
    if len(wanted) != 1 or wanted[0] == use.output or _contents(wanted[0]) & _contents(use.output):
        return None  # what takes the best checkpoint takes the last one
    return f"{use.stage.name.value}.{wanted[0]}"


def _share_content(output: str, key: str) -> bool:
    """Return whether an argument is named by what is in an output, and by nothing else."""
    words = set(key.casefold().split("_")) - set(_NEUTRAL)
    return len(words) == 1 and bool(_contents(*words) & _contents(output))


def _contents(name: str) -> set[str]:
    return {_CONTENTS[word] for word in name.split("_") if word in _CONTENTS}


def _meant_weights(use: _Use, recipe: Recipe) -> str | None:
    """Return the checkpoint that a key wants, if it names an output without weights."""
    own = use.owner.entry("provider") is not None and not has_default_provider(use.owner)
    kind = use.stage.spec["outputs"][use.output]["type"]
    if kind not in _NO_WEIGHTS or own:
        return None
    trainings = [one.name.value for one in stages_of_kind("train", recipe)]
    if not trainings:
        return None
    name = use.stage.name.value
    return f"{name if name in trainings else trainings[-1]}.{_CHECKPOINTS[use.path]}"


def _wrong_output(use: _Use, meant: str, swapped: list[_Use]) -> Diagnostic:
    name = use.stage.name.value
    title = use.stage.spec["outputs"][use.output]["title"]
    edits = [Edit(use.span, f"${{stages.{meant}}}")]
    edits += [Edit(one.span, f"${{stages.{name}.{use.output}}}") for one in swapped]
    written = all(edit.span.text.startswith("${") for edit in edits)
    return Diagnostic(
        "R423",
        f'"{use.path[-1]}" is given "{use.output}" of stage "{name}", and wants {meant}',
        Label(use.span, f"expected {meant.partition('.')[2]}"),
        related=tuple(Label(one.span, f"exchanged with {use.output}") for one in swapped),
        help=(f"did you mean ${{stages.{meant}}}?",),
        notes=(f"{use.output} is: {title}",),
        fix=Fix(f"write ${{stages.{meant}}}", tuple(edits)) if written else None,
    )
