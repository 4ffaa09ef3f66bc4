"""A chain of small stages, each adding one to a number, for three engines."""

from pathlib import Path

STEPS = """from pathlib import Path


def add(path, source=None):
    number = int(Path(source).read_text()) if source else 0
    Path(path).write_text(f"{number + 1}\\n")
"""
PROGRAM = STEPS.replace("from pathlib import Path", "import sys\nfrom pathlib import Path") + (
    "\n\nadd(*sys.argv[1:])\n"
)


def write_ours(folder: Path, stages: int) -> None:
    """Write a manifest whose stages are functions of the recipe."""
    lines = ["version: 1", "recipe: bench/chain", "system: base", "stages:"]
    for number in range(stages):
        lines += [
            f"  - name: s{number}",
            "    call: src.steps.add",
            "    with:",
            f"      path: ${{exp_dir}}/s{number}/number.txt",
        ]
        if number:
            lines.append(f"      source: ${{stages.s{number - 1}.number}}")
        lines.append(f"    outputs: {{number: '${{exp_dir}}/s{number}/number.txt'}}")
    _write(folder / "recipe.yaml", "\n".join(lines) + "\n")
    _write(folder / "src" / "__init__.py", "")
    _write(folder / "src" / "steps.py", STEPS)


def write_dvc(folder: Path, stages: int) -> None:
    """Write a ``dvc.yaml`` of the same chain."""
    lines = ["stages:"]
    for number in range(stages):
        source = f" out/n{number - 1}.txt" if number else ""
        deps = "".join(f"\n    - {name}" for name in ["add.py", *source.split()])
        lines += [
            f"  s{number}:",
            f"    cmd: python add.py out/n{number}.txt{source}",
            f"    deps:{deps}",
            f"    outs:\n    - out/n{number}.txt",
        ]
    _write(folder / "dvc.yaml", "\n".join(lines) + "\n")
    _write(folder / "add.py", PROGRAM)
    (folder / "out").mkdir()


def write_snakemake(folder: Path, stages: int) -> None:
    """Write a ``Snakefile`` of the same chain."""
    lines = [f'rule all:\n    input: "out/n{stages - 1}.txt"']
    for number in range(stages):
        source = f'"out/n{number - 1}.txt"' if number else '"add.py"'
        argument = " {input}" if number else ""
        lines.append(
            f'rule s{number}:\n    input: {source}\n    output: "out/n{number}.txt"\n'
            f'    shell: "python add.py {{output}}{argument}"'
        )
    _write(folder / "Snakefile", "\n\n".join(lines) + "\n")
    _write(folder / "add.py", PROGRAM)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
