"""Bundles of others as directories: code under any name, what is not listed, links and pipes."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evaluation.fuzz import built
from evaluation.fuzz.judge import Try
from evaluation.fuzz.tree import SPECIAL, Line, lines, make

CANARY = "c4n4ry"
"""The value of a variable of this machine."""
_VARIABLE = "FUZZ_CANARY"
_CODE = """import torch

open({mark!r}, "a").write(__file__)


class Net(torch.nn.Linear):
    pass
"""
_SEEDS = (
    *(b"f code/torch/__init__.py\nt torch.nn.Linear", b"f code/json.py\nf code/src/model.py"),
    *(b"t src.model.Net\nf code/src/__init__.py\nf code/src/model.py", b"u code/src/model.py"),
    *(b"t model.Net\nf code/model.py\nu code/yaml.py", b"f code/sitecustomize.py", b"f code/x.pth"),
    *(
        b"l code /tmp",
        b"l code/src ../../..\nt src.model.Net",
        b"p code/src",
        b"u .git/x\nu .cachex",
    ),
    *(
        b"f code/torch.cpython-311-x86_64-linux-gnu.so",
        b"t json.loads",
        b"t os.system",
        b"f x\xff.py",
    ),
    *(
        b"f code/__pycache__/src.cpython-311.pyc",
        b"f code/numpy.pyc\nf code/a b/c.py",
        b"c code/x.py",
    ),
    *(
        b"c ../x",
        b"c /etc/passwd",
        b"c a\\..\\b",
        b"c code/src\xff.py",
        b"c bundle.json",
        b"c a\0b",
    ),
    *(b"l model.safetensors /dev/zero", b"p model.safetensors", b"l inference.yaml /etc/passwd"),
    *(b"p inference.yaml", b"d inference.yaml", b"l bundle.json /dev/zero", b"p bundle.json"),
    *(b"f code/src.py\nf code/src/__init__.py\nt src.Net", b"t torch.nn.modules.sys.modules"),
    *(b"b inference.yaml a: [[],\\n", b"b inference.yaml {a: ", b"b model.yaml - [x, y, z]\\n"),
    *(b"f code/typing_extensions.py\nt typing_extensions.Net", b"f code/espnet3_runtime/x.py"),
)


def bundle_seeds(_directory: Path) -> Sequence[bytes]:
    """Return bundles with something odd in the place of each kind of file."""
    return (*_SEEDS, *SPECIAL)


def opens_tree(*, trusted: bool) -> Callable[[Path], Try]:
    """Return what loads a bundle; without trust nothing of it runs, with trust nothing stays.

    Lines of its own: ``t`` the target of the model, ``u`` a file that ``bundle.json`` does not
    list, ``c`` one that is only listed there.
    """

    def prepare(directory: Path) -> Try:
        from espnet3_runtime.publication.model import InferenceModel

        base, bundle, mark = directory / "base", directory / "bundle", directory / "ran"
        built.bundle(base)
        code = _CODE.format(mark=str(mark)).encode()
        InferenceModel.from_packed(base, device="cpu")

        def attempt(data: bytes) -> bool:
            mark.unlink(missing_ok=True)
            shutil.rmtree(bundle, ignore_errors=True)
            shutil.copytree(base, bundle)
            _lay(bundle, list(lines(data)), code)
            before, paths = dict(sys.modules), list(sys.path)
            try:
                InferenceModel.from_packed(bundle, device="cpu", trust_user_code=trusted)
            finally:
                assert trusted or not mark.exists(), f"it ran {mark.read_text()}"
                assert sys.path == paths
                assert all(sys.modules.get(name) is module for name, module in before.items())
                _check_modules(bundle, before)
            return True

        return attempt

    return prepare


def text_seeds(directory: Path) -> Sequence[bytes]:
    """Return the config of a bundle with texts that lead out of it, in every place."""
    import yaml

    good = (directory / "inference.yaml").read_bytes()
    config = yaml.safe_load(good)
    outside = ("/etc/hostname", "../x", f"${{oc.env:{_VARIABLE}}}", f"${{oc.env:{_VARIABLE},x}}")
    pairs = [{key: text} for key in config for text in outside]
    return [*[good] * len(pairs), *(yaml.safe_dump({**config, **pair}).encode() for pair in pairs)]


def opens_text(directory: Path) -> Try:
    """Return what loads a bundle with a foreign config, and looks what its values have become."""
    from espnet3_runtime.config import iter_leaves
    from espnet3_runtime.publication.model import InferenceModel

    os.environ[_VARIABLE] = CANARY
    built.bundle(directory)

    def attempt(data: bytes) -> bool:
        built.sign(directory, {"inference.yaml": data})
        model = InferenceModel.from_packed(directory, device="cpu")
        for where, text in iter_leaves(model.config.plain()):
            if isinstance(text, str):
                assert CANARY not in text, where
                inside = Path(text).is_relative_to(directory)
                assert inside or not text.startswith("/") or len(text) == 1, where
                assert ".." not in text.split("/") or text == "..", where
        return True

    return attempt


def _lay(bundle: Path, found: Sequence[Line], code: bytes) -> None:
    config = bundle / "inference.yaml"
    for line in found:
        if line.kind == "t":
            text = config.read_bytes() if config.is_file() else b""
            config.write_bytes(text.replace(b"torch.nn.Linear", os.fsencode(line.name)))
        elif line.kind not in "uc" or not line.kind:
            is_code = line.kind == "f" and line.name.endswith(".py")
            make(bundle, line, code if is_code else None)
    listed: dict[str, Any] = {line.name: "0" * 64 for line in found if line.kind == "c"}
    if (bundle / "bundle.json").is_file() and not (bundle / "bundle.json").is_symlink():
        built.sign(bundle, {}, listed)
    for line in found:
        if line.kind == "u":
            make(bundle, line, code)


def _check_modules(bundle: Path, before: dict[str, Any]) -> None:
    for name in sys.modules.keys() - before.keys():
        file = getattr(sys.modules[name], "__file__", None) or ""
        assert not file.startswith(str(bundle)), f"{name} can still be imported from {file}"
