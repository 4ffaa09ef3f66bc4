"""What a bundle may run untrusted, what its card can show, and what a demo is made of."""

from collections.abc import Mapping

BUNDLE_RECORD = "bundle.json"
"""The file of a bundle that lists all others with their hashes."""

TRUSTED_TARGETS = frozenset(
    f"espnet3_runtime.{name}"
    for name in (
        "data.collate.CommonCollateFn",
        "data.preprocess.TextToTokens",
        "inference.provider.from_checkpoint",
        "inference.runner.CallModel",
    )
)
"""Parts of the runtime that a bundle runs without trust, beside the layers of torch."""
LAYERS = "torch.nn."
"""The module whose classes of layers it runs, too."""

CARD_VALUES = (
    *("front_matter", "recipe", "corpus", "task", "exp_tag", "model", "parameters", "results"),
    *("trust", "flag", "code", "checkpoint", "commit", "remote", "changes", "versions"),
    *("config", "detail", "example", "command"),
)
"""What a template of the model card can name as ``${name}``."""

DEMO_BUNDLE = "bundle"
DEMO_FILES = ("demo.yaml", "app.py", "requirements.txt", "README.md")
"""The directory and the files that ``pack_demo`` writes itself."""

WIDGETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "inputs": {
        "audio": ("audio",),
        "text": ("text",),
        "number": ("number",),
        "vector": ("vector",),
        "image": ("image",),
        "category": ("category",),
        "table": ("table",),
        "own": ("own",),
    },
    "outputs": {
        "audio": ("audio",),
        "text": ("text", "number", "category", "vector"),
        "number": ("number",),
        "vector": ("vector",),
        "image": ("image",),
        "category": ("category",),
        "table": ("table",),
        "own": ("own",),
    },
}
"""By side and type of a widget: the kinds of the contract that it can take or show."""
