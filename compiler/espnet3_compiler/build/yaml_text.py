"""Write values as YAML text with the same meaning for every reader.

A string that YAML 1.1 or 1.2 would read as a number, a boolean, a date or null is quoted, and
floats are written so that both read a float.
"""

import re
import sys
from typing import Any

import yaml

from espnet3_compiler.syntax.tree import Plain

MAX_FLOW_WIDTH = 80
CORE_SCALARS = re.compile(
    r"""^(?: [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+
      | [-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?
      | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)
      | true|True|TRUE|false|False|FALSE | null|Null|NULL | ~ | )$""",
    re.VERBOSE,
)


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, with indented lists and without aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _represent_string(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = None
    if not value.isprintable():
        style = "|" if _is_paragraph(value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


def _is_paragraph(value: str) -> bool:
    lines = value.split("\n")
    return all(line.isprintable() and line == line.strip() for line in lines) and bool(lines[0])


def _represent_list(dumper: _Dumper, value: list[Any]) -> yaml.SequenceNode:
    short = all(not isinstance(item, list | dict) for item in value)
    short = short and sum(len(str(item)) + 2 for item in value) <= MAX_FLOW_WIDTH
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=short)


def _represent_mapping(dumper: _Dumper, value: dict[str, Any]) -> yaml.MappingNode:
    # as pairs: PyYAML sorts the keys of a dictionary
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=not value)


_Dumper.add_representer(str, _represent_string)
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(dict, _represent_mapping)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:core", CORE_SCALARS, None)


def dump_yaml(value: Plain) -> str:
    """Return a value as a YAML document in block style, short lists on one line."""
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, width=sys.maxsize)
    return text


def render_document(value: Plain, sources: tuple[str, ...]) -> str:
    """Return a value as a YAML file that names the files it was compiled from."""
    names = ", ".join("".join(c if c.isprintable() else "?" for c in name) for name in sources)
    header = f"# Compiled from {names} by espnet3-compile; do not edit, compile again."
    return f"{header}\n{dump_yaml(value)}"
