"""Convert numbers of steps: ESPnet3 counts what ``shape_files`` have, here a field of the data set.

There is arithmetic for one thing alone: features of ESPnet2's default front end.
"""

from pathlib import PurePosixPath

from espnet3_compiler.convert.configs.draft import Block, ConfigDraft
from espnet3_compiler.convert.notes import became, lost
from espnet3_compiler.syntax.tree import Plain

FEATURES = "feats_shape"
UNIT_REASON = "batch_bins counts the field speech here, samples of audio, not features"
FOLD_REASON = "fold_lengths counts the field speech here, samples of audio, not features"
FRONTEND_DEFAULTS = {"n_mels": 80, "hop_length": 128}  # of ESPnet2
FILLED = (
    "a batch ends before the item that would take it over batch_bins; in ESPnet3 it has this item"
)


def shape_files(block: Block) -> list[str]:
    """Return the names of the shape files by which batches are made."""
    given = block.look_at("shape_files")
    return [PurePosixPath(str(path)).name for path in given] if isinstance(given, list) else []


def length_fields(block: Block) -> list[str]:
    """Return the fields of the data set by whose lengths batches are made."""
    files = shape_files(block)
    return ["speech" if name == FEATURES else name.removesuffix("_shape") for name in files]


def convert_bins(
    block: Block, kind: str, model: Plain, to: tuple[str, ...], draft: ConfigDraft
) -> None:
    """Write ``batch_bins`` for a field of the data set.

    Args:
        block: ESPnet3's batches.
        kind: ``numel`` counts elements, others steps.
        model: The model of a task; None for another one.
        to: Where our batches are.
        draft: Our config.
    """
    bins, span = block.raw_value("batch_bins"), block.span("batch_bins")
    if not isinstance(bins, int):
        return
    files = shape_files(block)
    if (files and FEATURES not in files) or (
        files in ([], [FEATURES]) and _has_no_front_end(model)
    ):
        draft.set_value((*to, "batch_bins"), bins, span)
        return
    total = f"it is the sum over {' and '.join(files)}" if len(files) > 1 else None
    if why := total or _unknown_unit(model):
        block.add_note("batch_bins", lost(f"{why}; {UNIT_REASON}: choose it anew"))
        return
    mels, hop = _front_end(model)
    is_numel = kind == "numel"
    samples = bins * hop // (mels if is_numel else 1)
    draft.set_value((*to, "batch_bins"), samples, span)
    by = f"{bins} / {mels} mels * {hop}" if is_numel else f"{bins} * {hop}"
    block.add_note("batch_bins", became(f"{by} samples a frame = {samples}", UNIT_REASON))


def convert_folds(block: Block, model: Plain, to: tuple[str, ...], draft: ConfigDraft) -> str:
    """Write ``fold_lengths`` and their fields; return why that is not possible, or nothing.

    Args:
        block: ESPnet3's batches.
        model: The model of a task; None for another one.
        to: Where our batches are.
        draft: Our config.
    """
    files, given = shape_files(block) or [FEATURES], block.look_at("fold_lengths")
    if not isinstance(given, list) or not given:
        return "there are no fold_lengths"
    pairs = list(zip(files, given, strict=False))  # as many as ESPnet2 reads
    counts_frames = FEATURES in [name for name, _ in pairs] and not _has_no_front_end(model)
    if counts_frames and (why := _unknown_unit(model)):
        return f"{why}, and fold_lengths counts samples of audio here"
    if not all(isinstance(fold, int) for _, fold in pairs):
        return "a fold length is no whole number"
    hop = _front_end(model)[1] if counts_frames else 1
    folds: list[Plain] = [
        fold * hop if name == FEATURES else fold for name, fold in pairs if isinstance(fold, int)
    ]
    block.raw_value("fold_lengths")
    draft.set_value((*to, "fold_lengths"), folds, block.span("fold_lengths"))
    fields = length_fields(block)[: len(pairs)]
    if fields not in ([], ["speech"]):
        key: Plain = [*fields] if len(fields) > 1 else fields[0]
        draft.set_value((*to, "length_key"), key, block.span("shape_files"))
    if counts_frames:
        block.add_note("fold_lengths", became(f"{folds}: {hop} samples a frame", FOLD_REASON))
    elif len(given) != len(pairs) or len(files) != len(pairs):
        why = "ESPnet3 reads as many as there are of both, shape_files and fold_lengths"
        block.add_note("fold_lengths", became(f"fold_lengths: {folds}", why))
    return ""


def _front_end(model: Plain) -> tuple[int, int]:
    """Return the mels and the hop length of a task's front end."""
    given = model.get("frontend_conf") if isinstance(model, dict) else None
    conf = given if isinstance(given, dict) else {}
    mels, hop = (
        value if isinstance(value := conf.get(name), int) and value > 0 else default
        for name, default in FRONTEND_DEFAULTS.items()
    )
    return mels, hop


def _has_no_front_end(model: Plain) -> bool:
    """Return whether a task's data set has features, which are counted there as here."""
    if not isinstance(model, dict):
        return False
    return model.get("input_size") is not None or model.get("frontend", "default") is None


def _unknown_unit(model: Plain) -> str | None:
    """Return why the unit of features is not known, or None."""
    if not isinstance(model, dict):
        return "it counts what collect_feats of the model makes"
    if model.get("frontend", "default") != "default":
        return f"it counts features of the front end {model.get('frontend')}"
    return None
