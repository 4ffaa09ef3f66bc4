"""Packages of the shapes that people name: lazy ones, registered builders, wrappers.

They are made up, with the mechanisms of transformers, timm and torchvision.
"""

from inspect import cleandoc
from pathlib import Path

import pytest

from espnet3_compiler.signature.result import Missing, NotAnalyzable, Signature
from tests.compiler.signature_kit import installed_package, names, world_readings

MODELING = """
    from ...base import Pretrained
    from ...docs import described

    __all__ = ["OwlForCTC", "OwlModel"]

    @described("An owl.")
    class OwlModel(Pretrained):
        def __init__(self, config, head=None): ...

    class OwlForCTC(OwlModel): ...
"""
COMMON = {
    "base.py": """
        from functools import wraps
        def quietly(function):
            @wraps(function)
            def inner(*args, **kwargs):
                return function(*args, **kwargs)
            return inner
        class Pretrained:
            def __init__(self, config): ...
            @classmethod
            @quietly
            def from_pretrained(cls, name_or_path, *args, revision="main", **kwargs): ...
    """,
    "docs.py": """
        def described(text):
            def decorate(found):
                found.__doc__ = text
                return found
            return decorate
        def replaced(function):
            return lambda *args: None
        def renewed(cls):
            cls.__init__ = replaced
            return cls
    """,
    "models/owl/modeling_owl.py": MODELING,
}
LAZY = """
    if TYPE_CHECKING:
        {}
    else:
        import sys
        sys.modules[__name__] = _Lazy(__name__, globals()["__file__"], {})
"""
STRUCTURE_OF_NAMES = {
    "__init__.py": """
        from typing import TYPE_CHECKING
        from .base import Pretrained, _Lazy
        _import_structure = {"models.owl": ["OwlForCTC"]}
        if TYPE_CHECKING:
            from .models.owl import OwlForCTC, OwlModel
        else:
            import sys
            sys.modules[__name__] = _Lazy(__name__, globals()["__file__"], _import_structure)
    """,
    "models/__init__.py": "",
    "models/owl/__init__.py": """
        from typing import TYPE_CHECKING
        _import_structure = {"modeling_owl": ["OwlForCTC"]}
        if TYPE_CHECKING:
            try:
                if not is_torch_available():
                    raise ImportError
            except ImportError:
                pass
            else:
                from .modeling_owl import OwlForCTC, OwlModel
        else:
            import sys
            sys.modules[__name__] = _Lazy(__name__, globals()["__file__"], _import_structure)
    """,
}
STRUCTURE_OF_STARS = {
    "__init__.py": cleandoc(LAZY.format("from .models import *", "define(Path(__file__))")),
    "models/__init__.py": cleandoc(
        LAZY.format(
            "\n        ".join(f"from .{bird} import *" for bird in ["finch", "owl", "wren"] * 9),
            "define(__file__)",
        )
    ),
    "models/owl/__init__.py": cleandoc(LAZY.format("from .modeling_owl import *", "define(f)")),
    "models/wren/__init__.py": cleandoc(LAZY.format("from .modeling_wren import *", "define(f)")),
    "models/wren/modeling_wren.py": """
        __all__ = ["TroglodytesModel"]
        class TroglodytesModel:
            def __init__(self, config, tail=1): ...
    """,
}


@pytest.mark.parametrize("structure", [STRUCTURE_OF_NAMES, STRUCTURE_OF_STARS])
def test_a_package_that_imports_on_demand(tmp_path: Path, structure: dict[str, str]) -> None:
    paths = ("birds.OwlForCTC", "birds.models.owl.OwlModel", "birds.OwlForCTC.from_pretrained")
    found = world_readings(tmp_path, installed_package("birds", COMMON, structure), *paths)
    assert [names(each) for each in found] == [
        ["config", "head="], ["config", "head="], ["name_or_path", "revision="],
    ]  # fmt: skip
    misspelt, method = world_readings(
        tmp_path, {}, "birds.OwlForCTCC", "birds.OwlModel.from_pretained"
    )
    assert isinstance(misspelt, Missing)
    assert (misspelt.prefix, misspelt.part) == ("birds", "OwlForCTCC")
    assert "OwlForCTC" in misspelt.near
    assert isinstance(method, Missing)
    assert "from_pretrained" in method.near


def test_a_class_that_is_called_unlike_its_module_is_found_in_the_text(tmp_path: Path) -> None:
    files = installed_package("birds", COMMON, STRUCTURE_OF_STARS)
    (found,) = world_readings(tmp_path, files, "birds.TroglodytesModel")
    assert names(found) == ["config", "tail="]


def test_a_name_that_stands_anywhere_or_is_unlike_all_is_not_judged(tmp_path: Path) -> None:
    files = installed_package("birds", COMMON, STRUCTURE_OF_STARS)
    files["site/birds/old.py"] = 'ALIASES = {"OwlForCTX": "OwlForCTC"}\n'
    for path in ("birds.OwlForCTX", "birds.Penguin"):
        (found,) = world_readings(tmp_path, files, path)
        assert found == NotAnalyzable("birds makes names while it runs")


def test_a_module_of_the_recipe_may_make_any_name(tmp_path: Path) -> None:
    files = {f"recipe/src/{name}": text for name, text in STRUCTURE_OF_STARS.items()}
    (found,) = world_readings(tmp_path, files, "src.OwlForCTC")
    assert isinstance(found, NotAnalyzable)


BUILDERS = {
    "__init__.py": "from .nets import *\nfrom ._api import register\n",
    "_api.py": """
        import sys
        def register(function):
            sys.modules[function.__module__].__all__.append(function.__name__)
            return function
        def deprecate(module, names): ...
        def named(name=None):
            def decorate(function):
                KNOWN[name] = function
                return function
            return decorate
        def opaque(function):
            return KNOWN[function]
    """,
    "nets.py": """
        from ._api import deprecate, named, opaque, register
        __all__ = ["Net"]
        class Net:
            def __init__(self, depth, width=8): ...
        @register
        def net18(pretrained=False, **kwargs):
            return Net(18, **kwargs)
        @register
        @named()
        def net50(width=4): ...
        @named("x")
        def hidden(width=4): ...
        @register
        @opaque
        def unknown(width=4): ...
        deprecate(__name__, {"old_net18": "net18"})
    """,
}


def test_registered_builders(tmp_path: Path) -> None:
    paths = [
        f"zoo.{name}" for name in ("net18", "net50", "hidden", "unknown", "old_net18", "net81")
    ]
    found = world_readings(tmp_path, installed_package("zoo", BUILDERS), *paths)
    assert names(found[0]) == ["pretrained=", "width="]
    assert names(found[1]) == ["width="]
    assert isinstance(found[2], Missing)
    assert found[3] == NotAnalyzable("unknown is decorated with opaque")
    assert found[4] == NotAnalyzable("zoo gets names from other modules")
    assert isinstance(found[5], Missing)


VISION = {
    "__init__.py": "",
    "models/__init__.py": "from .net import net18\n",
    "models/_utils.py": """
        def handle_legacy_interface(**weights):
            def outer(builder):
                def inner(*args, **kwargs):
                    for name, (old, default) in weights.items():
                        kwargs.pop(old, None)
                    return builder(*args, **kwargs)
                return inner
            return outer
        def _ovewrite_named_param(kwargs, param, new): ...
    """,
    "models/net.py": """
        from ._utils import _ovewrite_named_param, handle_legacy_interface
        class Net:
            def __init__(self, depth, num_classes=1000): ...
        def _net(depth, weights, **kwargs):
            if weights is not None:
                _ovewrite_named_param(kwargs, "num_classes", 10)
            model = Net(depth, **kwargs)
            return model
        @handle_legacy_interface(weights=("pretrained", 1))
        def net18(*, weights=None, **kwargs):
            return _net(18, weights, **kwargs)
    """,
}


def test_a_builder_that_also_takes_old_names(tmp_path: Path) -> None:
    files = installed_package("torchvision", VISION)
    (found,) = world_readings(tmp_path, files, "torchvision.models.net18")
    assert names(found) == ["weights=", "num_classes=", "pretrained="]
    assert isinstance(found, Signature)
    assert (found.more_keywords, found.more_positional) == (False, True)


WRAPPER = """
from functools import partial, wraps

def decorate(function):
    @wraps(function)
    def inner({takes}):
        {before}
        return {call}
    return {gives}

class Owl:
    @decorate
    def __init__(self, a, b): ...
"""


@pytest.mark.parametrize(
    ("takes", "before", "call", "gives", "wanted"),
    [
        ("*args, **kwargs", "pass", "function(*args, **kwargs)", "inner", "a b"),
        ("self, *args, **kwargs", "pass", "function(self, *args, **kwargs)", "inner", "a b"),
        ("*args, **kwargs", "print(*args, **kwargs)", "function(*args, **kwargs)", "inner", "a b"),
        ("extra, *args, **kwargs", "pass", "function(*args, **kwargs)", "inner", ""),
        ("self, extra, *args, **kwargs", "pass", "function(self, *args, **kwargs)", "inner", ""),
        ("*args, extra=1, **kwargs", "pass", "function(*args, **kwargs)", "inner", ""),
        ("self, *args, **kwargs", "pass", "function(self, 1, *args, **kwargs)", "inner", ""),
        ("*args, **kwargs", "pass", "function(*args, b=1, **kwargs)", "inner", ""),
        ("*args, **kwargs", "args = (*args, 1)", "function(*args, **kwargs)", "inner", ""),
        ("*args, **kwargs", "pass", "dict(*args, **kwargs)", "inner", ""),
        ("*args, **kwargs", "pass", "function(*args, **kwargs)", "partial(inner, b=1)", ""),
    ],
)
def test_a_wrapper_has_the_arguments_of_the_function_that_it_gives_them_to(
    tmp_path: Path, takes: str, before: str, call: str, gives: str, wanted: str
) -> None:
    text = WRAPPER.format(takes=takes, before=before, call=call, gives=gives)
    (found,) = world_readings(tmp_path, {"site/birds.py": text}, "birds.Owl")
    if wanted:
        assert names(found) == wanted.split()
    else:
        assert found == NotAnalyzable("Owl.__init__ is decorated with decorate")


def test_what_a_decorator_puts_in_place_is_not_known(tmp_path: Path) -> None:
    files = installed_package("birds", COMMON)
    files["site/birds/__init__.py"] = cleandoc("""
        from .docs import described, renewed, replaced
        @renewed
        class Made:
            def __init__(self, a): ...
        @replaced
        def made(a): ...
        @described("x")
        def told(a): ...
    """)
    one, two, three = world_readings(tmp_path, files, "birds.Made", "birds.made", "birds.told")
    assert one == NotAnalyzable("Made is decorated with renewed")
    assert two == NotAnalyzable("made is decorated with replaced")
    assert names(three) == ["a"]


def test_a_method_of_an_object_that_a_module_makes(tmp_path: Path) -> None:
    files = installed_package("bundles", {"__init__.py": """
        class Bundle:
            def __init__(self, path): ...
            def get_model(self, *, progress=True): ...
        BASE = Bundle(path="base.pt")
    """})  # fmt: skip
    paths = ("bundles.BASE.get_model", "bundles.BASE.get_modle", "bundles.BASE.sample_rate")
    model, misspelt, value = world_readings(tmp_path, files, *paths)
    assert names(model) == ["progress="]
    assert isinstance(misspelt, Missing)
    assert value == NotAnalyzable("sample_rate is a value of an object of Bundle")
