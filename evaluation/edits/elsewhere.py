"""``digits/asr`` with parts elsewhere: linked files and directories, and code outside of it.

``lib`` is on ``PYTHONPATH``; ``develop`` holds what is installed in editable mode, one package by a
``.pth`` file, one by a finder; ``storage`` is another disk, where data and experiment lie.
"""

import os
import shutil
import sys
import venv
import zipfile
from pathlib import Path

from evaluation.edits.model import Place, Subject
from evaluation.edits.names import METRICS

FILES = {
    "lib/mylab/__init__.py": "",
    "lib/mylab/scaling.py": """import json
from pathlib import Path

from .base import FACTOR


def gain():
    return json.loads(Path(__file__).with_name("gains.json").read_text())["gain"] * FACTOR


def spare():
    return 1
""",
    "lib/mylab/base.py": "FACTOR = 1.0\n",
    "lib/mylab/gains.json": '{"gain": 1.0}',
    "lib/mylab/late.py": "def shift():\n    return 0.0\n",
    "lib/mylab/scores.py": """from espnet3_runtime.metrics.wer import WER


class Errors(WER):
    pass
""",
    "lib/levels.py": "PEAK = 0.5\n",
    "lib/corpora/texts/rows.py": "def keep(row):\n    return bool(row['text'])\n",
    "develop/pth/spoken/__init__.py": "from .tidy import tidy\n",
    "develop/pth/spoken/tidy.py": "def tidy(text):\n    return text.strip()\n",
    "develop/finder/damping/__init__.py": "RATE = 0.1\n",
    "fixed/smoothing/__init__.py": "def smooth(text):\n    return text\n",
    "fixed/loose.py": "def loose(text):\n    return text\n",
    "behind/windows/__init__.py": "from .shape import window\n",
    "behind/windows/shape.py": """import torch


def window(n):
    return torch.hann_window(n)
""",
    "behind/more/far.txt": "first\n",
    "recipes/digits/asr/more/near.txt": "first\n",
    "recipes/digits/asr/tuning.py": "MASKS = 2\n",
    "recipes/digits/asr/lists/notes.txt": "first\n",
}
FINDER = """import sys
from importlib.machinery import PathFinder
from pathlib import Path

FOLDER = Path(__file__).parents[4] / "develop" / "finder"


class EditableFinder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return PathFinder.find_spec(name, [str(FOLDER)]) if name == "damping" else None


sys.meta_path.append(EditableFinder)
"""
IMPORTS = """import zipped
from loose import loose
from smoothing import smooth
from spoken import tidy
"""
TIDY = """
    def _tidy(self, pieces: list[str]) -> str:
        from mylab.late import shift

        text = self.tokenizer.decode_pieces(pieces)
        return tidy(smooth(loose(zipped.same(text)))) + ' zero' * int(shift())
"""
METRIC = """  - name: own
    metric: {_target_: mylab.scores.Errors}
    inputs: {ref: "dataset:text", hyp: text}
"""
PATCHES = (
    (
        "src/features.py",
        "from torch import nn\n",
        "from mylab.scaling import gain\nfrom torch import nn\n",
    ),
    ("src/features.py", "(FRAMES_FLOOR).log()", "(FRAMES_FLOOR).log() * gain()"),
    ("src/features.py", "torch.hann_window(", "window("),
    ("src/features.py", "import torch\n", "import torch\n\nfrom src.windows import window\n"),
    (
        "src/model.py",
        "import torch\n",
        "import torch\nfrom damping import RATE\nfrom tuning import MASKS\n",
    ),
    ("src/model.py", "dropout: float = 0.1", "dropout: float = RATE"),
    ("src/model.py", "num_masks: int = 2", "num_masks: int = MASKS"),
    ("src/decode.py", "import torch\n", f"import torch\n{IMPORTS}"),
    ("src/decode.py", "self.tokenizer.decode_pieces([", "self._tidy(["),
    ("dataset/builder.py", "        progress: C", '        notes: str = "",\n        progress: C'),
    ("dataset/synthesis.py", "_PEAK = 0.5", "from levels import PEAK as _PEAK"),
    (
        "dataset/dataset.py",
        "import soundfile\n",
        "import soundfile\nfrom corpora.texts.rows import keep\n",
    ),
    (
        "dataset/dataset.py",
        "self.rows = short[:limit]",
        "self.rows = [row for row in short if keep(row)][:limit]",
    ),
    (METRICS, "metrics:\n", f"metrics:\n{METRIC}"),
    ("recipe.yaml", "  - upload_model ", "  # "),
    ("recipe.yaml", "  - pack_demo\n  - upload_demo\n", ""),
    ("recipe.yaml", "  demo: conf/demo.yaml\n", ""),
    (
        "conf/publication.yaml",
        "[src, dataset]",
        "[src, src/windows, dataset, tuning.py]\n  files: {more: more}",
    ),
)


def prepare(place: Place) -> None:
    """Write what lies elsewhere, and link to it."""
    for name, content in FILES.items():
        write(place.root / name, content)
    archive(place, "return text")
    _install(place.root)
    recipe = place.recipe
    link(recipe / "src/windows", place.root / "behind/windows")
    link(recipe / "more/linked", place.root / "behind/more")
    place.append("src/decode.py", TIDY)
    for name in ("src/decode.py", "dataset/voices.py"):
        target = place.root / "behind" / Path(name).name
        (recipe / name).rename(target)
        link(recipe / name, target)
    (recipe / METRICS).rename(recipe / "lists/metrics.yaml")
    link(recipe / METRICS, recipe / "lists/metrics.yaml")
    for name in ("data", "exp"):
        (place.root / "storage" / name).mkdir(parents=True)
        link(recipe / name, place.root / "storage" / name)
    (place.root / "storage/wav").mkdir()
    (recipe / "data/digits").mkdir()
    link(place.root / "storage/data/digits/wav", place.root / "storage/wav")


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def link(path: Path, target: Path) -> None:
    """Link by a relative path, so that copies of a place link into themselves."""
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(target.resolve(), path.parent.resolve()))


def archive(place: Place, body: str) -> None:
    """Write an archive on ``PYTHONPATH``."""
    with zipfile.ZipFile(place.root / "zipped.zip", "w") as file:
        file.writestr("zipped.py", f"def same(text):\n    {body}\n")


def _install(root: Path) -> None:
    """Make an environment that sees the packages of this one, and others as pip leaves them."""
    venv.create(root / "venv", with_pip=False)
    (site,) = (root / "venv" / "lib").glob("python*/site-packages")
    outer = [path for path in sys.path if Path(path).is_dir() and "lib-dynload" not in path]
    write(site / "outer.pth", "\n".join(path for path in outer if Path(path) != Path.cwd()))
    write(site / "spoken.pth", "../../../../develop/pth\n")
    write(site / "_damping_finder.py", FINDER)
    write(site / "damping.pth", "import _damping_finder\n")
    shutil.copytree(root / "fixed", site, dirs_exist_ok=True)
    for name, editable in (("spoken", True), ("damping", True), ("smoothing", False)):
        about = site / f"{name}-0.1.dist-info"
        write(about / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        write(about / "top_level.txt", f"{name}\n")
        words = '"editable": true' if editable else ""
        write(about / "direct_url.json", f'{{"dir_info": {{{words}}}, "url": "file:///x"}}')
        write(about / "RECORD", f"{name}/__init__.py,sha256=1,1\n")


SUBJECT = Subject(
    "digits/asr",
    (
        "training.create_dataset.sizes.train=24",
        "training.create_dataset.sizes.valid=6",
        "training.create_dataset.sizes.test=6",
        "training.create_dataset.notes=lists/notes.txt",
        "training.trainer.max_epochs=1",
    ),
    patches=PATCHES,
    prepare=prepare,
    paths=("lib", "zipped.zip"),
)
