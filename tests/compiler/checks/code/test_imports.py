"""Imports of the recipe's modules that lead nowhere, and those that must stay silent."""

import pytest

from tests.compiler.checks.checks_kit import HEAD, MODEL

RECIPE = f"{HEAD}configs: {{training: {{dataset: {{train: [{{}}]}}}}}}\nstages: [train]\n"
NET = f"\n\n{MODEL}"
FOR_TYPES = "import typing\nif typing.TYPE_CHECKING:\n    from .model import Net\n"
FEATURES = "import math\n\nRATE = 8000\n\n\nclass LogMel:\n    pass\n"


def check_model(check, text: str, **files: str):
    files = {"src/features.py": FEATURES, **{f"{k}.py": v for k, v in files.items()}}
    found = check(RECIPE, {**files, "src/model.py": text + NET})
    return [item for item in found if item[0] not in ("R425", "R804")]


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("from .feature import LogMel", "R508", "feature"),
        ("from .features import LogMell", "R508", "LogMell"),
        ("from . import feature", "R508", "feature"),
        ("from src.feature import LogMel", "R508", "feature"),
        ("from src import features, layers", "R508", "layers"),
        ("import src.feature", "R508", "feature"),
        ("import src.feature as f", "R508", "feature"),
        ("import features", "R508", "features"),
        ("from features import LogMel", "R508", "features"),
        ("from ..features import LogMel", "R508", "features"),
        ("from .features.mel import LogMel", "R508", "mel"),
        ("from .nothing import *", "R508", "nothing"),
        ("from .features import (\n    RATE,\n    LogMell,\n)", "R508", "LogMell"),
        ("import torch.nnn as nn", "R508", "nnn"),
        ("from torch.optimm import SGD", "R508", "optimm"),
        ("from torch.nn.utils.rnn import pad_sequnce", "R508", "pad_sequnce"),
        ("import nmupy as np", "R508", "nmupy"),
        ("import einpos", "R508", "einpos"),
        ("import wholly_unknown_package", "R508", "wholly_unknown_package"),
        ("import speechbrain", "R511", "speechbrain"),
        ("class A:\n    from .feature import LogMel", "R508", "feature"),
        ("def f():\n    from .feature import LogMel", "R508", "feature"),
    ],
)
def test_what_leads_nowhere_is_reported_at_its_word(check, text, code, part):
    pytest.importorskip("torch")
    assert check_model(check, text) == [(code, part)]


@pytest.mark.parametrize(
    "text",
    [
        "from .features import LogMel, RATE, math",
        "from . import features\nimport src.features as f",
        "import os.path\nimport xml.etree.ElementTree as ET\nimport importlib.metadata",
        "try:\n    import wholly_unknown_package\nexcept ImportError:\n    x = None",
        "try:\n    from .fast import f\nexcept ImportError:\n    from .features import LogMel as f",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import wholly_unknown",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .nowhere import Thing",
        "import typing as t\nif t.TYPE_CHECKING:\n    import nowhere_at_all",
        "def f():\n    import wholly_unknown_package",
        "def f():\n    from torch.nnn import G",
        "import sys\nif sys.platform == 'win32':\n    import wholly_unknown_package",
        "if __name__ == '__main__':\n    from helpers import main",
        "import torch.nn.functional as F\nfrom torch import Tensor, nn, device, float32",
        "from torch.utils.data import DataLoader, Dataset",
        "from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence",
        "from signal import SIGKILL, SIGTERM\nfrom socket import AF_INET",
        "from ssl import PROTOCOL_TLS",
        "import numpy as np\nfrom numpy import ndarray, float32\nimport numpy.random",
        "from collections.abc import Iterator\nfrom os import path, PathLike",
        "import torch.ops\nfrom torch import _C",
        "from .features import __doc__, __name__ as name",
    ],
)
def test_what_leads_somewhere_is_silent(check, text):
    pytest.importorskip("torch")
    assert check_model(check, text) == []


@pytest.mark.parametrize(
    "features",
    [
        "def __getattr__(name):\n    return name",
        "globals().update(layers=1, LogMell=2)",
        "from math import *\nfrom .more import *",
        "for LogMell in range(2):\n    pass",
        "LogMell: int = 3",
        "import math as LogMell",
        "try:\n    from fast import LogMell\nexcept ImportError:\n    LogMell = None",
        "with open(__file__) as LogMell:\n    pass",
        "if (LogMell := 3):\n    pass",
        "class LogMell: ...",
    ],
)
def test_names_that_a_module_makes_in_other_ways(check, features):
    files = {"src/features": features, "src/more": "LogMell = 3"}
    assert check_model(check, "from .features import LogMell", **files) == []


def test_one_missing_package_is_reported_once(check):
    files = {"src/features": "import wholly_unknown_package\nclass LogMel: ..."}
    text = "import wholly_unknown_package\nfrom .features import LogMel"
    pytest.importorskip("torch")
    assert check_model(check, text, **files) == [("R508", "wholly_unknown_package")]


def test_what_only_a_guarded_import_reaches_is_guarded(check):
    text = "try:\n    from .fast import f\nexcept ImportError:\n    f = None"
    assert check_model(check, text, **{"src/fast": "import wholly_unknown_package\nf = 1"}) == []


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"src/__init__": "from .modle import Net"}, ("R508", "modle")),
        ({"src/__init__": "def f(:\n    pass"}, ("R510", ":")),
        ({"src/features": "class LogMel\n    pass"}, ("R510", "\n")),
        ({"src/features": "x = (1,\n"}, ("R510", "(")),
        ({"src/features": "if True:\nx = 1\n"}, ("R510", "x")),
        ({"src/features": "x = 'a\n"}, ("R510", "'")),
    ],
)
def test_other_files_than_the_named_one(check, files, place):
    found = check_model(check, "from .features import LogMel", **files)
    assert [(code, text[:1] if code == "R510" else text) for code, text in found] == [place]


CIRCLES = [
    ("from .features import LogMel", "from .model import Net\nclass LogMel: ..."),
    ("from src.features import LogMel", "from src.model import Net\nclass LogMel: ..."),
    ("from . import features", "from .model import Net\nclass LogMel: ..."),
    ("import src.features", "from src.model import Net\nclass LogMel: ..."),
    ("from .features import *", "from .model import Net\nclass LogMel: ..."),
    ("from .layers import A", "from .model import Net\nclass LogMel: ..."),
]
"""What ``src/model.py`` and ``src/features.py`` begin with."""


@pytest.mark.parametrize(("model", "features"), CIRCLES)
def test_circles_that_fail(check, model, features):
    files = {"src/features": features, "src/layers": "from .features import LogMel\nA = LogMel"}
    found = check_model(check, model, **files)
    assert [code for code, _ in found] == ["R509"]


@pytest.mark.parametrize(
    ("model", "features"),
    [
        (
            "from .features import LogMel",
            "class LogMel:\n    def f(self):\n        from .model import Net",
        ),
        ("from .features import LogMel", "from . import model\nclass LogMel: ..."),
        ("from .features import LogMel", "import src.model\nclass LogMel: ..."),
        ("RATE = 3\nfrom .features import LogMel", "from .model import RATE\nclass LogMel: ..."),
        (
            "from .features import LogMel",
            f"{FOR_TYPES}class LogMel: ...",
        ),
        (
            "from .features import LogMel",
            "try:\n    from .model import Net\nexcept ImportError:\n    pass\nclass LogMel: ...",
        ),
        ("def f():\n    from .features import LogMel", "from .model import Net\nclass LogMel: ..."),
        ("from . import layers", "from .model import Net"),
    ],
)
def test_circles_that_work(check, model, features):
    files = {"src/features": features, "src/layers": "from . import model\nA = 1"}
    assert check_model(check, model, **files) == []
