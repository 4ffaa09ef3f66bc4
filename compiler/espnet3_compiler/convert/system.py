"""Find the System that ``run.py`` launches, without importing it."""

import ast
from pathlib import Path

from espnet3_compiler.convert.notes import CHANGED, DROPPED, Notes
from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.syntax.read import load_source

RUN_SCRIPT = "run.py"
KNOWN_SYSTEMS = {
    "espnet3.systems.esp2_asr.system.ASRSystem": "asr",
    "espnet3.systems.base.system.BaseSystem": "base",
}
MAX_BASES = 10
ASR, OTHER = "esp2_asr", "f5tts"
"""ESPnet3's sets of defaults."""


def find_system(directory: Path, notes: Notes) -> tuple[str, str]:
    """Return ``asr`` or ``base`` and the set of defaults; note stages of the recipe's System."""
    run = _parse_module(directory, RUN_SCRIPT)
    if run is None:
        notes.add_file(CHANGED, RUN_SCRIPT, "it cannot be read; the system is taken to be asr")
        return "asr", ASR
    tree, source = run
    launched = _launched_class(tree)
    if launched is None:
        notes.add_file(CHANGED, RUN_SCRIPT, "it launches no System; the system is taken to be asr")
    system = _resolve_system(directory, tree, source, launched, notes) if launched else "asr"
    keywords = [node for node in ast.walk(tree) if isinstance(node, ast.keyword)]
    packages = [getattr(item.value, "value", "") for item in keywords if item.arg == "conf_package"]
    is_asr = str(packages[0]).endswith(f".{ASR}") if packages else system == "asr"
    return system, ASR if is_asr else OTHER


def _resolve_system(
    directory: Path, tree: ast.Module, source: Source, name: ast.expr, notes: Notes
) -> str:
    for _ in range(MAX_BASES):
        own = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        cls = own.get(ast.unparse(name))
        if cls is not None:
            _note_stages(cls, source, notes)
            if not cls.bases:
                return "base"
            name = cls.bases[0]
            continue
        path = _imported_path(tree, name)
        if path in KNOWN_SYSTEMS:
            return KNOWN_SYSTEMS[path]
        module, _, last = path.rpartition(".")
        inner = _parse_module(directory, f"{module.replace('.', '/')}.py")
        if inner is None:
            why = f"{path} is not known here; its stages are taken to be those of base"
            notes.add(CHANGED, _node_span(source, name), "launch", why)
            return "base"
        (tree, source), name = inner, ast.Name(last, lineno=1, col_offset=0)
    return "base"


def _note_stages(cls: ast.ClassDef, source: Source, notes: Notes) -> None:
    """Note the stages of a System of the recipe."""
    for item in cls.body:
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            why = (
                f"a stage of {cls.name}: write it as a function and a stage "
                f"{{name: {item.name}, call: src.…}}, or as a System class of the recipe"
            )
            notes.add(DROPPED, _node_span(source, item), item.name, why)


def _launched_class(tree: ast.Module) -> ast.expr | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "launch":
            named = [word.value for word in node.keywords if word.arg == "system_cls"]
            return next(iter([*node.args, *named]), None)
    return None


def _imported_path(tree: ast.Module, name: ast.expr) -> str:
    """Return the dotted path that a name in a module refers to."""
    text = ast.unparse(name)
    first, _, rest = text.partition(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            for alias in node.names:
                if (alias.asname or (alias.name if module else None)) == first:
                    return ".".join(filter(None, (module, alias.name, rest)))
    return text


def _parse_module(directory: Path, name: str) -> tuple[ast.Module, Source] | None:
    source, wrong = load_source(directory / name, name, directory)
    if source is None or wrong:
        return None
    try:
        return ast.parse(source.text), source
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _node_span(source: Source, node: ast.AST) -> Span:
    line = getattr(node, "lineno", 1)
    start = sum(len(text) for text in source.text.splitlines(keepends=True)[: line - 1])
    return Span(source, start, start)
