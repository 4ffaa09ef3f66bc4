"""Count what a user writes for each job with each tool: ``python docs/examples/beside/count.py``.

A line counts if it is neither blank nor a comment; characters are those of such lines without
spaces.  The model and the data, ``src``, are the same for all and are not counted.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
JOBS = ("test", "sweep", "curriculum", "scores")
TOOLS = {"ours": "espnet3-compile", "lightning_cli": "LightningCLI", "hydra": "Hydra"}


def main() -> int:
    """Print the table of ``docs/beside.md``."""
    print("| job | tool | lines | characters | of these lines |\n|---|---|---|---|---|")
    for job in JOBS:
        for folder, tool in TOOLS.items():
            written = {path.name: written_lines(path) for path in files(HERE / job / folder)}
            lines = sum(map(len, written.values()))
            characters = sum(
                len("".join(line.split())) for each in written.values() for line in each
            )
            each = ", ".join(f"`{name}` {len(found)}" for name, found in written.items())
            print(f"| {job} | {tool} | {lines} | {characters} | {each} |")
    return 0


def files(folder: Path) -> list[Path]:
    """Return the files that a user writes, in order."""
    return sorted(path for path in folder.iterdir() if path.is_file())


def written_lines(path: Path) -> list[str]:
    """Return the lines of a file that are neither blank nor a comment."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


if __name__ == "__main__":
    sys.exit(main())
