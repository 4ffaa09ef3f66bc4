"""The kinds of single mistakes, and where a file offers a place for each.

They are those that were planted by hand in an audit: inverted conditions, off by one, dropped
calls, wrong defaults, swapped arguments, removed sorts.  Well-kept tools were looked at: mutmut
changes functions in one process, and this project's tests start others; cosmic-ray has neither
dropped calls nor swapped arguments nor removed sorts, and chooses no tests.
"""

import ast
from collections.abc import Callable, Iterator

from evaluation.faults.model import Fault

Change = tuple[ast.AST, str]
"""A node, and the text that takes its place."""

_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "//",
    ast.FloorDiv: "*",
    ast.Div: "*",
}
_SORTS = {
    "sorted": "list",
    "reversed": "list",
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
}


def inverted_condition(node: ast.AST) -> Iterator[Change]:
    """``if a`` becomes ``if not (a)``."""
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield node.test, f"not ({ast.unparse(node.test)})"
    if isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield test, f"not ({ast.unparse(test)})"


def other_comparison(node: ast.AST) -> Iterator[Change]:
    """``<`` becomes ``<=``; equality and membership are inverted."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        _, bad = _COMPARISONS[type(node.ops[0])]
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        yield node, f"({left} {bad} {right})"


def other_junction(node: ast.AST) -> Iterator[Change]:
    """``and`` becomes ``or``, and one part of it is forgotten."""
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield node, f"({ast.unparse(ast.BoolOp(other, node.values))})"
        for index in range(len(node.values)):
            rest = node.values[:index] + node.values[index + 1 :]
            less = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
            yield node, f"({ast.unparse(less)})"


def off_by_one(node: ast.AST) -> Iterator[Change]:
    """A number is one more; ``+`` becomes ``-``."""
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        yield node, repr(node.value + 1)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        yield node, f"(({left}) {_ARITHMETIC[type(node.op)]} ({right}))"


def other_truth(node: ast.AST) -> Iterator[Change]:
    """``True`` becomes ``False``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield node, str(not node.value)


def dropped_call(node: ast.AST) -> Iterator[Change]:
    """A call whose value nobody takes is forgotten."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node, "pass"
    if isinstance(node, ast.AugAssign | ast.Delete | ast.Continue):
        yield node, "pass"


def wrong_default(node: ast.AST) -> Iterator[Change]:
    """What is returned, or the fallback of ``.get``, is None."""
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield node, "return None"
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"get", "pop", "setdefault"}
        and len(node.args) == 2
        and not _is_none(node.args[1])
    ):
        yield node.args[1], "None"


def swapped_arguments(node: ast.AST) -> Iterator[Change]:
    """Two arguments of a call stand in each other's place."""
    if isinstance(node, ast.Call) and len(node.args) >= 2 and not node.keywords:
        if ast.unparse(node.func) in {"isinstance", "getattr", "hasattr"}:
            return  # these fail at once
        first, second, *rest = map(ast.unparse, node.args)
        if first != second and "*" not in (first[0], second[0]):
            words = ", ".join((second, first, *rest))
            yield node, f"{ast.unparse(node.func)}({words})"


def removed_sort(node: ast.AST) -> Iterator[Change]:
    """``sorted`` becomes ``list``, ``min`` becomes ``max``, ``any`` becomes ``all``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SORTS:
        bad = _SORTS[node.func.id]
        sorts = bad == "list"
        copy = ast.Call(ast.Name(bad), node.args, [] if sorts else node.keywords)
        yield node, ast.unparse(copy)


KINDS: dict[str, Callable[[ast.AST], Iterator[Change]]] = {
    "inverted condition": inverted_condition,
    "other comparison": other_comparison,
    "other junction": other_junction,
    "off by one": off_by_one,
    "other truth value": other_truth,
    "dropped call": dropped_call,
    "wrong default": wrong_default,
    "swapped arguments": swapped_arguments,
    "removed sort": removed_sort,
}


def find_faults(file: str, text: str) -> list[Fault]:
    """Return every fault that can be planted in a source file."""
    offsets = _line_offsets(text)
    data = text.encode()
    found = []
    for node in _relevant(ast.parse(text)):
        for kind, changes in KINDS.items():
            for target, bad in changes(node):
                start = offsets[target.lineno - 1] + target.col_offset
                end = offsets[target.end_lineno - 1] + target.end_col_offset
                good = data[start:end].decode()
                found.append(Fault(kind, file, target.lineno, start, good, bad))
    return [fault for fault in found if fault.good != fault.bad and _compiles(fault, data)]


def _relevant(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that do something when the program runs: no annotations, no messages."""
    if isinstance(node, ast.JoinedStr | ast.Raise | ast.Assert):
        return
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _relevant(child)


def _line_offsets(text: str) -> list[int]:
    offsets = [0]
    for line in text.encode().splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    return offsets


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _compiles(fault: Fault, data: bytes) -> bool:
    end = fault.start + len(fault.good.encode())
    try:
        compile(data[: fault.start] + fault.bad.encode() + data[end:], fault.file, "exec")
    except SyntaxError:
        return False
    return True
