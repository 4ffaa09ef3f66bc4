"""Convert what ESPnet3 does around a model: its runner, ``output_fn``, and calls with lists."""

import ast
from pathlib import Path

from espnet3_compiler.convert.configs.draft import Block, ConfigDraft
from espnet3_compiler.convert.launched.base_classes import class_order
from espnet3_compiler.convert.launched.modules import ModuleFinder, ParsedModule
from espnet3_compiler.convert.launched.stage_work import find_method
from espnet3_compiler.convert.notes import became, left_out, lost
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas import TARGET

BASE_RUNNER = "espnet3.systems.base.inference_runner.InferenceRunner"
OWN_RUNNERS = (BASE_RUNNER, "espnet3.systems.esp2_asr.inference.ASRInferenceRunner")
FORWARD = "espnet3_runtime.inference.forward_runner.ForwardRunner"
LIST_ITEMS = "espnet3_runtime.inference.forward_runner.ListItems"
WORDS = ("data", "model_output", "idx")
RUNNER_CONTRACT = "a callable (model, **batch) that gives one mapping for each item"
INSTEAD = f"write runner: {RUNNER_CONTRACT}"
FORWARD_IS_CALLED = "its forward is called, and needs ESPnet3 where it runs"
HEARS_AUDIO = f"{BASE_RUNNER} gives the model an Audio, and needs ESPnet3 where it runs"
RUN_METHODS = (
    *("__init__", "__call__", "open_writers", "write_record", "close_writers", "merge"),
    *("init_state", "reduce_state", "finalize_state", "resolve_idx_key"),
)
"""Methods of ESPnet3's runners that go through the items and write; ours is the stage infer."""
BUILT_IN = left_out("it is built in")
RESUME = left_out("an interrupted run goes on, unless something changed")


def convert_runner(root: Block, params: Block, draft: ConfigDraft, *, own_model: bool) -> None:
    """Write a runner of ours where ESPnet3's does more than to call a model with one sample.

    Args:
        root: ESPnet3's inference config.
        params: The block of the provider with what is passed to ``forward``.
        draft: Our config, which has its model and contract.
        own_model: Whether the config has a model that is not one of ESPnet2.
    """
    runner = root.take_block("runner")
    given = str(runner.look_at(TARGET) or BASE_RUNNER)
    has_class = given not in OWN_RUNNERS
    own = runner.value(TARGET) if has_class else None
    wrong = _problem_of_class(_directory(root), given) if has_class else ""
    if not has_class:
        runner.add_note(TARGET, BUILT_IN)
    elif wrong:
        runner.add_note(TARGET, lost(f"{wrong}; {INSTEAD}"))
    runner.note_rest({"resume": RESUME})
    function = _output_function(root, draft)
    batched = root.is_user_written("batch_size") and root.has_value("batch_size")
    hears_audio = own_model and given == BASE_RUNNER and not function and _takes_audio(root)
    called = BASE_RUNNER if hears_audio else own
    if wrong or not (called or function or (own_model and batched)):
        return
    made: dict[str, Plain] = {TARGET: FORWARD, "input_key": root.value("input_key")}
    made |= {"output_fn": {TARGET: function, "_partial_": True}} if function else {}
    made |= {"runner": {TARGET: called, "_partial_": True}} if called else {}
    made |= {"batched": True} if batched else {}
    options = _options(root, params, with_class=called is not None)
    made |= {"options": options} if options else {}
    draft.set_value(("runner",), made)
    draft.set_value(("dataloader", "collate_fn", TARGET), LIST_ITEMS)
    draft.values.pop("input_key", None)
    _note(root, draft, "input_key", "runner.input_key", "the runner gets the whole sample")
    if hears_audio:
        root.add_note("contract", became("runner.options.inference_contract, too", HEARS_AUDIO))
    elif has_class:
        _note(runner, draft, TARGET, "runner.runner", FORWARD_IS_CALLED)


def _note(block: Block, draft: ConfigDraft, name: str, to: str, why: str) -> None:
    span = block.span(name)
    if span is not None:
        draft.origins[tuple(to.split("."))] = span
        block.add_note(name, became(to, why))


def _output_function(root: Block, draft: ConfigDraft) -> Plain:
    """Return the dotted path of ``output_fn``; None where there is none that is called alike."""
    path, span = root.value("output_fn"), root.span("output_fn")
    if not isinstance(path, str) or span is None:
        return None
    wrong = _problem_of_function(_directory(root), path)
    if root.is_user_written("contract") and root.has_value("contract"):
        wrong = "ESPnet3 refuses output_fn beside a contract"
    if wrong:
        root.add_note("output_fn", lost(f"{wrong}; {INSTEAD}"))
        return None
    draft.values.pop("contract", None)
    why = (
        "it is called with the sample, what the model gave and the id of the item, which is the "
        "number where the data have no utt_id; the utt_id that it returns is left out"
    )
    _note(root, draft, "output_fn", "runner.output_fn", why)
    return path


def _takes_audio(root: Block) -> bool:
    inputs = root.take_block("contract").look_at("inputs")
    fields = inputs.values() if isinstance(inputs, dict) else ()
    return any(isinstance(one, dict) and one.get("kind") == "audio" for one in fields)


def _options(root: Block, params: Block, *, with_class: bool) -> dict[str, Plain]:
    """Return what ``forward`` is called with besides, from the provider's ``params``."""
    every = [entry.name for entry in params.node or ()] if with_class else ["model_kwargs"]
    made = {name: params.value(name) for name in every if params.has_value(name)}
    contract = root.value("contract") if with_class else None
    return made | ({"inference_contract": contract} if contract else {})


def _directory(root: Block) -> Path:
    assert root.node is not None
    for entry in root.node:
        source = entry.key.span.source
        if source.kind == "file" and source.path:
            return Path(str(source.path).removesuffix(source.name))
    return Path()


def _problem_of_function(directory: Path, path: str) -> str:
    """Return why a function cannot be called as ESPnet3 does, by its text; empty where it can."""
    finder, module, function = _look_for(directory, path)
    found = finder.find_function(module, function) if module else None
    if found is None:
        return f'"{path}" cannot be read'
    arguments = found[0].args
    names = {one.arg for one in (*arguments.args, *arguments.kwonlyargs)}
    if arguments.kwarg is None and (lacks := [word for word in WORDS if word not in names]):
        return f'it has no argument "{lacks[0]}"'
    if _computes_with(found[0], "idx"):
        return "it computes with idx, the number of the item, which is its id here"
    return ""


def _computes_with(function: ast.FunctionDef, name: str, *, is_place: bool = False) -> bool:
    """Return whether a function uses an argument as a number; a place may index and be counted."""
    places: list[ast.expr] = []
    for node in ast.walk(function):
        match node:
            case ast.BinOp(left=left, right=right):
                places += [left, right]
            case ast.Compare(left=left, comparators=others):
                places += [left, *others]
            case ast.Subscript(slice=key) if not is_place:
                places.append(key)
            case ast.Call(func=ast.Name(id="int" | "range"), args=given) if not is_place:
                places += given
    return any(isinstance(one, ast.Name) and one.id == name for one in places)


def _problem_of_class(directory: Path, path: str) -> str:
    """Return what a class of a runner does besides ``forward``; empty where nothing."""
    finder, module, text = _look_for(directory, path)
    if module is None:
        return f'"{path}" cannot be read'
    order = class_order(finder, module, text, OWN_RUNNERS)
    for _, name in (*order.unknown, *order.left):
        return f'"{name}" cannot be read'
    defined = {
        node.name
        for cls, _ in order.classes
        for node in cls.body
        if isinstance(node, ast.FunctionDef)
    }
    others = [name for name in RUN_METHODS if name in defined]
    if others:
        return f"it has {', '.join(others)} of its own: here the stage infer reads and writes"
    forward = find_method(order.classes, "forward")
    if forward and _computes_with(forward[0], "idx", is_place=True):
        return "its forward computes with idx, which begins with 0 in each call here"
    return "" if order.known or forward else f'"{path}" has no forward'


def _look_for(directory: Path, path: str) -> tuple[ModuleFinder, ParsedModule | None, str]:
    """Return the module of a dotted path, None where it cannot be read, and the name in it."""
    name, _, text = path.rpartition(".")
    finder = ModuleFinder(directory)
    return finder, finder.read(name) if name else None, text
