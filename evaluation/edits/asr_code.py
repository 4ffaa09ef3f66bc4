"""Edits of the code of ``digits/asr``."""

from evaluation.edits.model import action, kept, text
from evaluation.edits.names import DATA, FEATURES, INFER, MODEL, PACK, READERS

CODE = (
    text("src/model.py", '"""A small CTC', '# a comment\n"""A small CTC', PACK, "comment in code"),
    text("src/model.py", "A small CTC recogniser", "A recogniser", PACK, "docstring"),
    text(
        "src/model.py",
        "import numpy",
        "import json\nimport numpy",
        PACK,
        "import that nothing uses",
    ),
    text(
        "src/model.py",
        "def zero_padding(feats: torch.Tensor, ",
        "def zero_padding(\n    feats: torch.Tensor, ",
        PACK,
        "layout",
    ),
    text(
        "src/model.py",
        "\ndef load_stats",
        "\ndef spare():\n    return 1\n\n\ndef load_stats",
        PACK,
        "function that nothing calls",
    ),
    text("src/model.py", "variance**-0.5", "variance**-0.4", MODEL, "called function"),
    text("src/model.py", 'reduction="none"', 'reduction="sum"', MODEL, "method of the model"),
    text("src/model.py", "frames // 12", "frames // 10", MODEL, "private method of the model"),
    text(
        "src/model.py",
        "dropout: float = 0.1",
        "dropout: float = 0.2",
        MODEL,
        "default of an argument",
    ),
    text(
        "src/model.py",
        "import torch\n",
        "import torch\n\nprint('at import')\n",
        MODEL,
        "code that acts at import",
    ),
    text("src/features.py", "center=True", "center=False", FEATURES, "method of the frontend"),
    text(
        "src/features.py",
        "return torch.minimum(rising, falling)",
        "return torch.maximum(rising, falling)",
        FEATURES,
        "function of an imported module",
    ),
    text("src/features.py", "1e-6", "1e-5", FEATURES, "constant"),
    text("src/decode.py", "i != 0", "i > 0", f"{INFER} {PACK}", "runner"),
    text("src/__init__.py", '"""', 'print("here")\n"""', FEATURES, "package acts at import"),
    action(
        "new module that nothing imports", PACK, lambda place: place.append("src/new.py", "x = 1\n")
    ),
    action("notes beside the manifest", "", lambda place: place.append("notes.txt", "later\n")),
    text("README.md", "\n", "\nMore.\n", name="README of the recipe"),
    text(
        "dataset/builder.py", "LONGEST = 7", "LONGEST = 7  # words", PACK, "comment in the builder"
    ),
    text(
        "dataset/builder.py",
        "LONGEST = 7",
        "LONGEST = 6",
        f"{DATA} {PACK}",
        "constant of the builder",
    ),
    kept(text("dataset/builder.py", '"PCM_16"', '"PCM_24"', f"{DATA} {PACK}", "its function")),
    kept(
        text(
            "dataset/synthesis.py",
            "_PEAK = 0.5",
            "_PEAK = 0.4",
            f"{DATA} {PACK}",
            "module of the builder",
        )
    ),
    kept(
        text(
            "dataset/voices.py",
            "rng.randint(130, 220)",
            "rng.randint(120, 220)",
            f"{DATA} {PACK}",
            "module behind that",
        )
    ),
    text(
        "dataset/dataset.py",
        "np.ascontiguousarray(speech)",
        "np.ascontiguousarray(speech[::-1])",
        READERS,
        "class of the dataset",
    ),
    text(
        "dataset/dataset.py",
        "import csv",
        "import csv\nimport json",
        PACK,
        "unused import of the dataset",
    ),
    text("dataset/__init__.py", "Connected digits", "Digits", PACK, "docstring of the dataset"),
)
