"""Losses of PyTorch that get other numbers, or another order of axes or arguments, than they read.

Passes: ``F.ctc_loss(scores.log_softmax(-1).transpose(0, 1), text, lengths, text_lengths)``;
``F.cross_entropy(scores.log_softmax(-1), label)``, which changes nothing.
Fails: the first without ``transpose`` (R524), with ``softmax`` (R527), with ``text_lengths,
lengths`` (R504); ``F.binary_cross_entropy(self.head(x), label)`` (R523); ``F.mse_loss`` of
(batch, 1) and (batch,) (R921).
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from espnet3_compiler.checks.shapes.meanings.axes import may_be_single, rank_of
from espnet3_compiler.checks.shapes.meanings.pairs import compared_finding
from espnet3_compiler.checks.shapes.meanings.words import (
    LENGTHS,
    LOG_SOFTMAX,
    SCORES,
    SIGMOID,
    SOFTMAX,
)
from espnet3_compiler.checks.shapes.values import CallArgument, CallArguments, Meaning, Tensor
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label

_CTC = ("log_probs", "targets", "input_lengths", "target_lengths")
_PAIR = ("input", "target")
_CLASSES = {
    "CTCLoss": "ctc_loss",
    "NLLLoss": "nll_loss",
    "KLDivLoss": "kl_div",
    "CrossEntropyLoss": "cross_entropy",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
    "MSELoss": "mse_loss",
    "L1Loss": "l1_loss",
    "SmoothL1Loss": "smooth_l1_loss",
    "HuberLoss": "huber_loss",
}
LOSSES = frozenset(_CLASSES.values())
LOSS_LAYERS = frozenset(_CLASSES)
_OF_LOGS = ("ctc_loss", "nll_loss", "kl_div")
_OF_PAIRS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
_SYMMETRIC = (*_OF_PAIRS, "kl_div")
"""Losses of which both arguments may be what a model gives."""

_MADE = frozenset((SCORES, SOFTMAX, LOG_SOFTMAX, SIGMOID))
_SOFT = {"cross_entropy": SOFTMAX, "binary_cross_entropy_with_logits": SIGMOID}
"""What a model gives that may be the target of a loss: its first argument are then other scores."""

_GIVEN = {SCORES: "scores as a layer gives them"}


class _Wanted(Struct, frozen=True):
    """What a loss reads as its first argument.

    Attributes:
        wrong: What it certainly should not get.
        code: What is said then: R527 where it trains wrongly, R523 where torch refuses it.
        what: What it reads.
        advice: What to write.
    """

    wrong: frozenset[str]
    code: str
    what: str
    advice: str


_OWN = "leave out the {}: the loss takes it itself"
_LOGS = _Wanted(
    frozenset((SCORES, SOFTMAX, SIGMOID)), "R527", "log probabilities", "write log_softmax"
)
_PLAIN = _Wanted(frozenset((SOFTMAX, SIGMOID)), "R527", "scores", _OWN)
_WANTED = {
    **dict.fromkeys(_OF_LOGS, _LOGS),
    **dict.fromkeys(("cross_entropy", "binary_cross_entropy_with_logits"), _PLAIN),
    "binary_cross_entropy": _Wanted(
        frozenset((SCORES, LOG_SOFTMAX)),
        "R523",
        "probabilities between 0 and 1",
        "write torch.sigmoid(…) around it, or take binary_cross_entropy_with_logits",
    ),
}


def loss_arguments(
    name: str, call: CallArguments, made: Mapping[str, CallArgument]
) -> dict[str, CallArgument]:
    """Return the arguments of a loss by name; none where they are not known.

    Args:
        name: The function or the class, without its module.
        call: What it is called with.
        made: What it is made with, where it is an object.
    """
    names = (*_CTC, "blank") if _CLASSES.get(name, name) == "ctc_loss" else _PAIR
    given = {**made, **dict(zip(names, call.positional, strict=False)), **call.named}
    return given if call.complete else {}


def loss_finding(name: str, given: "_Given") -> Diagnostic | None:
    """Return what is certainly wrong with the arguments of a loss; the first of several.

    Args:
        name: The function or the class, without its module.
        given: The arguments.
    """
    loss = _CLASSES.get(name, name)
    names = _CTC if loss == "ctc_loss" else _PAIR
    first = given.get(names[0])
    if first is None or first.place is None:
        return None
    return next(filter(None, (rule(loss, names, given) for rule in _RULES)), None)


_Given = Mapping[str, CallArgument]


def _meaning(given: _Given, name: str) -> Meaning:
    value = given[name].value if name in given else None
    return value.meaning if isinstance(value, Tensor) else Meaning()


def _find_order(loss: str, names: Sequence[str], given: _Given) -> Diagnostic | None:
    """Return R504 where all arguments are there, and stand in each other's places."""
    if loss in _SYMMETRIC:
        return None
    meanings = [_meaning(given, name) for name in names]
    if meanings[1].numbers == _SOFT.get(loss):
        return None
    fields = {one.field for one in meanings}
    roles = [_role(one, fields) for one in meanings]
    right = ("made", "target", "input_lengths", "target_lengths")[: len(names)]
    if set(roles) != set(right) or len(set(roles)) != len(roles):
        return None
    wrong = next((n for n, role in enumerate(roles) if role != right[n]), None)
    place = given[names[wrong]].place if wrong is not None else None
    if wrong is None or place is None:
        return None
    texts = {role: given[name].place for role, name in zip(roles, names, strict=True)}
    order = ", ".join(one.text for role in right if (one := texts[role]))
    return Diagnostic(
        "R504",
        f'{loss} gets "{place.text}" for "{names[wrong]}": its arguments are exchanged',
        Label(place.span, f"{names[wrong]} stands here"),
        help=(f"write {loss}({order}): the order is {', '.join(names)}",),
    )


def _role(one: Meaning, fields: set[str]) -> str:
    """Return which argument of a loss a tensor should be; empty where that is not known."""
    if one.numbers in _MADE:
        return "made"
    if one.field.endswith(LENGTHS):
        own = one.field.removesuffix(LENGTHS) in fields
        return "target_lengths" if own else "input_lengths"
    return "target" if one.field else ""


def _find_layout(loss: str, names: Sequence[str], given: _Given) -> Diagnostic | None:
    """Return R524 where the batch is not the second axis of what ``ctc_loss`` gets."""
    first, batch = given[names[0]], _meaning(given, names[0]).batch
    if loss != "ctc_loss" or batch in (None, 1) or not first.place:
        return None
    if isinstance(first.value, Tensor) and may_be_single(first.value):
        return None
    return Diagnostic(
        "R524",
        "ctc_loss takes log_probs of the shape (frames, batch, tokens), and gets the batch as its "
        f"{'first' if batch == 0 else 'last'} axis",
        Label(first.place.span, "another order of axes"),
        help=(f"write {first.place.text}.transpose(0, 1)",) if batch == 0 else (),
    )


def _find_numbers(loss: str, names: Sequence[str], given: _Given) -> Diagnostic | None:
    """Return R527 or R523 where a loss gets other numbers than it reads."""
    first, numbers = given[names[0]], _meaning(given, names[0]).numbers
    wanted = _WANTED.get(loss)
    if not wanted or numbers not in wanted.wrong or not first.place:
        return None
    return Diagnostic(
        wanted.code,
        f"{loss} takes {wanted.what}, and gets {_GIVEN.get(numbers, f'what {numbers} gives')}",
        Label(first.place.span, "other numbers"),
        help=(wanted.advice.format(numbers),),
    )


def _find_axis(loss: str, names: Sequence[str], given: _Given) -> Diagnostic | None:
    """Return R527 where the softmax was taken over another axis than that of the classes."""
    first, meaning = given[names[0]], _meaning(given, names[0])
    rank = rank_of(first.value)
    if loss not in ("ctc_loss", "nll_loss") or meaning.normal is None or not rank:
        return None
    axis = rank - 1 if loss == "ctc_loss" else min(1, rank - 1)
    if meaning.normal == axis or not first.place:
        return None
    return Diagnostic(
        "R527",
        f"{loss} takes axis {axis} for the classes, and {meaning.numbers or SOFTMAX} went over "
        f"axis {meaning.normal} of it",
        Label(first.place.span, "the probabilities of no item sum to 1"),
        help=("write the axis of the classes as dim of the softmax",),
    )


def _find_pairs(loss: str, names: Sequence[str], given: _Given) -> Diagnostic | None:
    """Return R921 where a loss compares every item of a batch with every other."""
    if loss not in _OF_PAIRS or names[1] not in given:
        return None
    return compared_finding(loss, *(given[name] for name in names))


_RULES: tuple[Callable[[str, Sequence[str], _Given], Diagnostic | None], ...] = (
    _find_order,
    _find_layout,
    _find_numbers,
    _find_axis,
    _find_pairs,
)
