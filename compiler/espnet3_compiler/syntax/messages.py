"""The findings of the tree builder (R102 to R111)."""

import json
import re

from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.diagnostics.source import Span
from espnet3_compiler.diagnostics.suggest import closest_match
from espnet3_compiler.syntax.core_schema import describe_type
from espnet3_compiler.syntax.tree import Node, Scalar
from espnet3_schemas import habits

CORE_TAG = "tag:yaml.org,2002:"


def note_once(found: list[Diagnostic], finding: Diagnostic) -> None:
    """Append a finding unless there is one of its code."""
    if all(other.code != finding.code for other in found):
        found.append(finding)


def duplicate_key(first: Scalar, second: Scalar) -> Diagnostic:
    """R102: the same key twice in a mapping."""
    return Diagnostic(
        "R102",
        f'the key "{second.value}" stands twice in one mapping',
        Label(second.span, "used again here"),
        related=(Label(first.span, "first used here"),),
        help=("keep one of the two",),
    )


def unknown_tag(span: Span, tag: str) -> Diagnostic:
    """R103: a tag; recipes have none."""
    shown = "!!" + tag.removeprefix(CORE_TAG) if tag.startswith(CORE_TAG) else tag
    word = re.split(r"[:/]", shown.lstrip("!").removeprefix("python/"))[0].casefold()
    rest = shown.partition(":")[2] or "package.module.Name"
    text = habits()["tags"].get(word, "remove the tag").replace("ARGUMENT", rest)
    return Diagnostic(
        "R103",
        f'the tag "{shown}" is not allowed: a recipe is plain data',
        Label(span, "a YAML tag"),
        help=(text,),
    )


def alias_loop(span: Span, name: str, anchor: Span) -> Diagnostic:
    """R104: an alias inside the node that it names.

    Args:
        span: The alias.
        name: Its name.
        anchor: The anchor of that name.
    """
    return Diagnostic(
        "R104",
        f'the alias "*{name}" stands inside the node that it names',
        Label(span, "leads back to itself"),
        related=(Label(anchor, "the node begins here"),),
        help=("write the value out, or use a reference such as ${a.b} to a part of it",),
    )


def too_large(span: Span) -> Diagnostic:
    """R105: nesting or expanded aliases beyond the limit."""
    return Diagnostic(
        "R105",
        "the text is nested too deeply or its aliases expand to too many values",
        Label(span, "the limit is reached here"),
        notes=("the limits are 64 levels, 200000 values, and 20000 more behind aliases",),
    )


def long_number(span: Span) -> Diagnostic:
    """R105: a number of more than a thousand digits."""
    return Diagnostic(
        "R105",
        "a number has more than 1000 digits",
        Label(span, "too long"),
        help=("write it in quotes if it is text",),
    )


def key_not_text(span: Span, node: Node) -> Diagnostic:
    """R106: a key that is a number, a truth value, null, a list or a mapping."""
    if not isinstance(node, Scalar):
        return Diagnostic(
            "R106",
            f"a key must be text, not {describe_type(node)}",
            Label(span, "used as a key"),
            help=('if braces or brackets belong to the text, write it in quotes: "{...}"',),
        )
    raw = node.span.text
    shown = f'the key "{raw}" is {describe_type(node.value)}, not text' if raw else "a key is empty"
    quoted = json.dumps(raw, ensure_ascii=False)
    fix = Fix(f"write {quoted}", (Edit(span, quoted),)) if raw else None
    advice = f"write it in quotes: {quoted}" if raw else 'write a name before the ":"'
    return Diagnostic("R106", shown, Label(span, "not text"), help=(advice,), fix=fix)


def several_documents(span: Span) -> Diagnostic:
    """R107: a second document in the file."""
    return Diagnostic(
        "R107",
        'the file holds more than one YAML document ("---")',
        Label(span, "the second document begins here"),
        help=("move it to a file of its own",),
    )


def unknown_alias(span: Span, name: str, known: list[str]) -> Diagnostic:
    """R110: an alias without an anchor before it.

    Args:
        span: The alias.
        name: Its name.
        known: The anchors before it.
    """
    near = closest_match(name, known)
    advice = (
        f'did you mean "*{near}"?'
        if near
        else f'define it with "&{name}" before it is used; if it is text, write it in quotes'
    )
    return Diagnostic(
        "R110",
        f'no anchor "&{name}" stands before the alias "*{name}"',
        Label(span, f"known are {', '.join(sorted(known)[:8])}" if known else "no anchors so far"),
        help=(advice,),
        fix=Fix(f"write *{near}", (Edit(span, f"*{near}"),)) if near else None,
    )


def bad_merge(key: Scalar, value: Node) -> Diagnostic:
    """R111: ``<<`` with something other than mappings."""
    shown = describe_type(value.value if isinstance(value, Scalar) else value)
    return Diagnostic(
        "R111",
        f'"<<" merges mappings, not {shown}',
        Label(key.span, f"its value is {shown}"),
        help=("write << with the alias of a mapping, or a list of such aliases: <<: *base",),
    )
