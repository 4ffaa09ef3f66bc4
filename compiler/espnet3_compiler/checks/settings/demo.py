"""The page of a demo against the contract of the bundle that it runs.

Passes: ``ui: {inputs: [{key: speech, type: audio}]}`` where the contract declares ``speech``, which
is audio; a page without lists, which has the fields of the contract.
Fails: ``ui: {inputs: [{key: audio, type: audio}]}`` beside it, or a widget for text, or none;
no contract and no lists; a widget for audio whose rate the contract does not tell.

With an ``app_script`` of its own, a page may do as it likes with its fields.
"""

from collections.abc import Iterator

from msgspec import Struct

from espnet3_compiler.checks.findings import unknown_value, value_finding
from espnet3_compiler.checks.settings.inference_outputs import audio_without_rate, has_no_rate
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.expressions.template import is_unresolved
from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.manifest.stage_kinds import stages_of_kind
from espnet3_compiler.manifest.values import as_text, mapping_entries
from espnet3_compiler.stage_graph.stage_inputs import certain_config
from espnet3_compiler.syntax.placeholder import has_certain_keys
from espnet3_compiler.syntax.provenance import use_location
from espnet3_compiler.syntax.span_key import first_per_location
from espnet3_compiler.syntax.tree import Entry, Mapping, Node, Scalar, Sequence, node_at
from espnet3_schemas.bundles import WIDGETS


class _PageSide(Struct, frozen=True):
    """One side of the page of a demo.

    Attributes:
        side: ``inputs`` or ``outputs``.
        stage: The stage that packs the demo.
        chosen: The list of widgets; something else where there is none.
        declared: The fields of the contract.
        contract: The node of the contract's side, if there is one.
        own_script: Whether the page is a script of the recipe.
        reported: Names of audio without a rate that ``infer`` could not write: they are reported.
    """

    side: str
    stage: StageDecl
    chosen: Node | None
    declared: tuple[Entry, ...]
    contract: Node | None
    own_script: bool
    reported: frozenset[str]


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R422, R603 and R604, where one contract is packed."""
    run, packed = (
        [certain_config(stage, "inference", resolved) for stage in stages_of_kind(kind, recipe)]
        for kind in ("infer", "pack_model")
    )
    inference = packed[0] if len(packed) == 1 else None
    rates = audio_without_rate(inference) if inference and inference in run else ()
    reported = frozenset(entry.name for entry, _ in rates)
    pages = [
        page
        for stage in stages_of_kind("pack_demo", recipe)
        if (demo := certain_config(stage, "demo", resolved)) and inference
        for page in _pages(stage, demo, inference, reported)
    ]
    yield from first_per_location(found for page in pages for found in _check_page(page))


def _pages(
    stage: StageDecl, demo: Mapping, inference: Mapping, reported: frozenset[str]
) -> Iterator[_PageSide]:
    """Yield both sides of the page of a demo.

    Args:
        stage: The stage that packs it.
        demo: Its config.
        inference: The config of the bundle.
        reported: Audio without a rate that is reported.
    """
    script = as_text(node_at(demo, ("ui", "app_script")))
    for side in WIDGETS:
        contract = node_at(inference, ("contract", side))
        chosen = node_at(demo, ("ui", side))
        unknown = isinstance(chosen, Scalar) and is_unresolved(chosen)
        if has_certain_keys(contract) and not unknown:
            fields = mapping_entries(contract)
            yield _PageSide(side, stage, chosen, fields, contract, script is not None, reported)


def _check_page(page: _PageSide) -> Iterator[Diagnostic]:
    if not isinstance(page.chosen, Sequence):
        yield from _check_contract(page)
        return
    keys = [node_at(item, ("key",)) for item in page.chosen.items]
    names = [key for key in keys if isinstance(key, Scalar) and not is_unresolved(key)]
    if len(names) < len(keys):
        return
    fields = {entry.name: entry for entry in page.declared}
    unknown = [key for key in names if fields and key.value not in fields]
    for key in unknown:
        yield _unknown_field(page, key, list(fields))
    for key, item in zip(names, page.chosen.items, strict=True):
        if key not in unknown:
            yield from _check_widget(page, key, item, fields.get(str(key.value)))
    if not unknown:
        yield from _check_inputs(page, page.chosen, {str(key.value) for key in names})


def _check_contract(page: _PageSide) -> Iterator[Diagnostic]:
    """Judge a page that has the fields of the contract."""
    if not page.declared:
        yield Diagnostic(
            "R603",
            f'the page of stage "{page.stage.name.value}" has no {page.side}',
            Label(page.stage.name.span, f"no {page.side}"),
            help=(
                (
                    f"declare contract: {{{page.side}: …}} in the inference config, or list "
                    f"ui.{page.side} in the demo config"
                ),
            ),
        )
    for entry in page.declared:
        kind = node_at(entry.value, ("kind",))
        name = kind.value if isinstance(kind, Scalar) else None
        if kind and page.side == "inputs" and name == "segments":
            yield value_finding(
                "R604",
                f'a page cannot ask for segments, as "{entry.name}" of the contract is',
                kind,
                "no widget for it",
                related=(Label(page.stage.name.span, "makes a page of the contract"),),
                advice=(
                    "make it optional: true in the contract, and list the others under ui.inputs",
                ),
            )
        elif kind and page.side == "outputs" and name == "audio":
            yield from _check_rate(page, entry.name, entry, kind)


def _check_widget(
    page: _PageSide, key: Scalar, item: Node, field: Entry | None
) -> Iterator[Diagnostic]:
    """Judge a widget and the field of the contract that it shows.

    Args:
        page: The page.
        key: The name of the field.
        item: The widget.
        field: The field of the contract, where there is a contract.
    """
    widget = as_text(node_at(item, ("type",)))
    kind = as_text(node_at(field.value, ("kind",))) if field else None
    if widget is None or is_unresolved(widget):
        return
    fitting = WIDGETS[page.side].get(str(widget.value), ())
    if kind and not is_unresolved(kind) and kind.value not in fitting and not page.own_script:
        same = kind.value in WIDGETS[page.side]
        advice = f"write type: {kind.value}"
        yield value_finding(
            "R604",
            f'"{key.value}" is {kind.value}, which is not for a widget of type {widget.value}',
            widget,
            f"the contract says {kind.value}",
            related=(Label(use_location(kind), "the contract"),),
            advice=(
                advice if same else f"remove ui.{page.side}: the page is made by the contract",
            ),
        )
    elif page.side == "outputs" and widget.value == "audio":
        yield from _check_rate(page, str(key.value), field, widget)


def _check_inputs(page: _PageSide, chosen: Sequence, shown: set[str]) -> Iterator[Diagnostic]:
    """Report inputs that the contract requires and that no visitor is asked for."""
    for entry in page.declared:
        optional = node_at(entry.value, ("optional",))
        needed = isinstance(optional, Scalar) and optional.value is False
        if page.side == "inputs" and needed and not page.own_script and entry.name not in shown:
            yield value_finding(
                "R603",
                f'the page does not ask for "{entry.name}", which the contract requires',
                chosen,
                f'"{entry.name}" is not listed',
                related=(Label(use_location(entry.key), "required here"),),
                advice=("list it here, or make it optional: true in the contract",),
            )


def _check_rate(
    page: _PageSide, name: str, field: Entry | None, node: Node
) -> Iterator[Diagnostic]:
    """Report audio that a page cannot play.

    Args:
        page: The page.
        name: The output.
        field: Its field of the contract, if there is one.
        node: What says that it is audio.
    """
    if has_no_rate(field.value if field else None) and name not in page.reported:
        yield value_finding(
            "R603",
            f'the page plays "{name}", and its sample rate is not known',
            node,
            "no sample_rate",
            advice=(
                f'write sample_rate: for "{name}" in contract.outputs of the inference config',
            ),
        )


def _unknown_field(page: _PageSide, key: Scalar, names: list[str]) -> Diagnostic:
    assert page.contract is not None
    return unknown_value(
        "R422",
        f'the contract has no "{key.value}" among its {page.side}',
        key,
        names,
        related=(Label(use_location(page.contract), "the contract"),),
        hints=(f"write one of {', '.join(names)}",),
    )
