"""Things to instantiate: each remembers how it was called."""

from typing import Any


class Thing:
    """Keeps its arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs

    def seen(self) -> tuple[Any, ...]:
        return ("Thing", view(self.args), view(self.kwargs))


class Outer:
    class Inner(Thing):
        pass

    @classmethod
    def build(cls, *args: Any, **kwargs: Any) -> Thing:
        return Thing("built", *args, **kwargs)


def function(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
    return ("function", view(args), view(kwargs))


def broken(**kwargs: Any) -> None:
    raise KeyError("inside")


def strict(one: int, two: int = 2) -> tuple[int, int]:
    return one, two


value = 3


def view(found: Any) -> Any:
    """Return something comparable for anything that instantiate may produce."""
    if isinstance(found, Thing):
        return found.seen()
    if isinstance(found, dict):
        return {key: view(item) for key, item in found.items()}
    if isinstance(found, list | tuple):
        return [view(item) for item in found]
    if callable(found) and hasattr(found, "func"):
        return ("partial", found.func.__qualname__, view(found.args), view(found.keywords))
    return found
