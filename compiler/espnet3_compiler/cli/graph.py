"""``--graph``: the stages, and the outputs that flow between them."""

from espnet3_compiler.manifest.recipe import Recipe, Resolved, StageDecl
from espnet3_compiler.stage_graph.graph import stage_edges


def render_text(recipe: Recipe, resolved: Resolved) -> str:
    """Return the graph as plain text: the stages in order, below each what it reads."""
    inputs = _inputs_of_stages(recipe, resolved)
    lines = [f"{recipe.name.value} ({recipe.system.name.value})"]
    width = max((len(_stage_name(stage)) for stage in recipe.stages), default=0)
    for number, stage in enumerate(recipe.stages, start=1):
        lines.append(f"{number:>3}  {_stage_name(stage):<{width}}  {_stage_label(stage)}".rstrip())
        lines += [f"     <- {producer}{flow}" for producer, flow in inputs[_stage_name(stage)]]
    return "\n".join(lines) + "\n"


def render_mermaid(recipe: Recipe, resolved: Resolved) -> str:
    """Return the graph as a Mermaid flowchart; what only comes before is dashed."""
    inputs = _inputs_of_stages(recipe, resolved)
    names = {
        _stage_name(stage): f"s{number}" for number, stage in enumerate(recipe.stages, start=1)
    }
    lines = ["flowchart TD"]
    lines += [f'    {names[_stage_name(stage)]}["{_node_label(stage)}"]' for stage in recipe.stages]
    for stage in recipe.stages:
        for producer, flow in inputs[_stage_name(stage)]:
            arrow = f'-- "{flow[2:]}" -->' if flow else "-.->"
            lines.append(f"    {names[producer]} {arrow} {names[_stage_name(stage)]}")
    return "\n".join(lines) + "\n"


def _inputs_of_stages(recipe: Recipe, resolved: Resolved) -> dict[str, list[tuple[str, str]]]:
    """Return for each stage those that it needs, each with ``: output, output`` or nothing."""
    outputs: dict[str, dict[str, list[str]]] = {name: {} for name in recipe.stages_by_name}
    for edge in stage_edges(recipe, resolved):
        read = outputs[edge.consumer].setdefault(edge.producer, [])
        read += [edge.output] if edge.output else []
    position = {name: number for number, name in enumerate(outputs)}
    return {
        name: [
            (producer, f": {', '.join(read[producer])}" if read[producer] else "")
            for producer in sorted(read, key=position.__getitem__)
        ]
        for name, read in outputs.items()
    }


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
