"""``--graph``: the stages, and the outputs that flow between them."""

from collections.abc import Iterator

from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.stage_graph.graph import StageEdge, stage_edges


def render_text(recipe: Recipe, resolved: Resolved) -> str:
    """Return the graph as plain text: the stages in order, below each what it reads."""
    graph = stage_edges(recipe, resolved)
    lines = [f"{recipe.name.value} ({recipe.system.name.value})"]
    width = max((len(_stage_name(stage)) for stage in recipe.stages), default=0)
    for number, stage in enumerate(recipe.stages, start=1):
        lines.append(f"{number:>3}  {_stage_name(stage):<{width}}  {_stage_label(stage)}".rstrip())
        lines += [
            f"     <- {producer}{flow}" for producer, flow in _stage_inputs(stage, recipe, graph)
        ]
    return "\n".join(lines) + "\n"


def render_mermaid(recipe: Recipe, resolved: Resolved) -> str:
    """Return the graph as a Mermaid flowchart; what only comes before is dashed."""
    graph = stage_edges(recipe, resolved)
    names = {
        _stage_name(stage): f"s{number}" for number, stage in enumerate(recipe.stages, start=1)
    }
    lines = ["flowchart TD"]
    lines += [f'    {names[_stage_name(stage)]}["{_node_label(stage)}"]' for stage in recipe.stages]
    for stage in recipe.stages:
        for producer, flow in _stage_inputs(stage, recipe, graph):
            arrow = f'-- "{flow[2:]}" -->' if flow else "-.->"
            lines.append(f"    {names[producer]} {arrow} {names[_stage_name(stage)]}")
    return "\n".join(lines) + "\n"


def _stage_inputs(
    stage: StageDecl, recipe: Recipe, graph: tuple[StageEdge, ...]
) -> Iterator[tuple[str, str]]:
    """Yield each stage that one needs, with ``: output, output`` or nothing."""
    mine = [edge for edge in graph if edge.consumer == _stage_name(stage)]
    for producer in map(_stage_name, recipe.stages):
        between = [edge for edge in mine if edge.producer == producer]
        outputs = [edge.output for edge in between if edge.output]
        if between:
            yield producer, f": {', '.join(outputs)}" if outputs else ""


def _stage_label(stage: StageDecl) -> str:
    """Return what a stage runs, with its configs and model: ``train(training, ctc)``."""
    what = str((stage.run or stage.call or stage.name).value)
    used = list(dict.fromkeys(binding.config for binding in stage.configs))
    used += [str(stage.model.value)] if stage.model else []
    return f"{what}({', '.join(used)})"


def _node_label(stage: StageDecl) -> str:
    label, name = _stage_label(stage), _stage_name(stage)
    if stage.run and stage.run.value == name:
        label = f"({label.partition('(')[2]}"
    return f"{name}<br/>{label}" if label != "()" else name


def _stage_name(stage: StageDecl) -> str:
    return str(stage.name.value)
