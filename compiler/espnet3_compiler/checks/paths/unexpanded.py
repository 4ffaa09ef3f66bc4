"""What a shell would expand in a path, and a recipe takes as it is written.

Passes: ``${oc.env:HOME}/corpus``; ``/data/corpus``; ``a~b``; ``~/corpus`` for code of the recipe
that expands it.
Fails: ``data_dir: ~/corpus``; ``exp_dir: $SCRATCH/exp``; ``checkpoint: $(pwd)/model.pt``.
"""

import re
from collections.abc import Iterator

from espnet3_compiler.checks.code.modules import any_mentions, recipe_modules
from espnet3_compiler.checks.names.bare_references import written_texts
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Label
from espnet3_compiler.filesystem import path_exists
from espnet3_compiler.manifest.recipe import Recipe, Resolved
from espnet3_compiler.syntax.offsets import scalar_span
from espnet3_compiler.syntax.span_key import span_key
from espnet3_compiler.syntax.tree import Mapping, Path, Scalar, node_at
from espnet3_schemas import TARGET

_COMMANDS = "pwd|date|hostname|whoami|dirname|basename|realpath|readlink|git|echo|nproc|uname|cat"
_HOME = r"^~(?=/)"
_VARIABLE = (
    r"(?:^|(?<=/))\$(?!exp_dir|exp_tag|data_dir|recipe_dir)"
    r"(?:[A-Za-z_]\w*(?=/)|(?<=/\$)[A-Za-z_]\w*$|[A-Z_][A-Z_0-9]*$)"
)
_COMMAND = rf"\$\((?:{_COMMANDS})\b[^)]*\)(?=\S*$)|`(?:{_COMMANDS})\b[^`]*`(?=\S*$)"

_FORMS: tuple[tuple[tuple[str, ...], str, tuple[bytes, ...]], ...] = (
    (("~",), _HOME, (b"expanduser", b'"~', b"'~")),
    (("$",), _VARIABLE, (b"expandvars", b"environ", b"getenv")),
    (("$(", "`"), _COMMAND, (b"subprocess", b"os.system", b"popen")),
)
"""A home, a variable and a command: what one of them has, and the words of code that reads it as
a shell does.

Not a token such as ``$eos``, nor commands in prose.
"""

_SETTINGS = ("data_dir", "exp_dir", "exp_tag")
_OUR_PACKAGE = "espnet3_runtime"
"""It expands nothing, unlike other installed packages."""


def check(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Yield R706, once for each text that only a shell would understand."""
    seen: set[object] = set()
    for path, node, tree in written_texts(recipe, resolved):
        match, words = _find_form(str(node.value))
        if match is None or match[0] not in node.span.text or span_key(node.span) in seen:
            continue
        seen.add(span_key(node.span))
        others = path[0] not in _SETTINGS and (
            _is_for_package(tree, path, recipe)
            or any_mentions(recipe_modules(recipe, resolved), words)
        )
        if not others:
            yield _finding(path, node, match)


def _find_form(text: str) -> tuple[re.Match[str] | None, tuple[bytes, ...]]:
    """Return what a shell would expand in a text, and the words of code that does so itself."""
    outside = text.replace("${", "")  # which is the compiler's own
    for marks, form, words in _FORMS:
        if any(mark in outside for mark in marks) and (match := re.search(form, text)):
            return match, words
    return None, ()


def _is_for_package(tree: Mapping, path: Path, recipe: Recipe) -> bool:
    """Return whether a value is an argument of an installed class, which may expand it."""
    above = (node_at(tree, path[:count]) for count in range(len(path)))
    targets = [node.get(TARGET) for node in above if isinstance(node, Mapping)]
    named = [node for node in targets if isinstance(node, Scalar)]
    package = str(named[-1].value).partition(".")[0] if named else ""
    own = (package, f"{package}.py")
    return (
        bool(named)
        and package != _OUR_PACKAGE
        and not any(path_exists(recipe.directory / name) for name in own)
    )


def _finding(path: Path, node: Scalar, match: re.Match[str]) -> Diagnostic:
    text, part = str(node.value), match[0]
    variable = "HOME" if part == "~" else part[1:]
    if not variable.isidentifier():
        advice = "nothing runs commands in a recipe: write the path itself"
    elif path[0] in _SETTINGS:
        meant = f"{text[: match.start()]}${variable}{text[match.end() :]}"
        advice = f'write it in full, or give it when compiling: --set "recipe.{path[0]}={meant}"'
    elif "outputs" in path:
        advice = "write a path below ${exp_dir}"
    else:
        advice = f"write {text[: match.start()]}${{oc.env:{variable}}}{text[match.end() :]}"
    return Diagnostic(
        "R706",
        f'"{part}" in "{text}" is no more than text: only a shell expands it',
        Label(scalar_span(node, match.start(), match.end()), "taken as it is written"),
        help=(advice,),
    )
