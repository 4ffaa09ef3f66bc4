"""Findings about names, in the same words everywhere."""

from collections.abc import Iterable

from espnet3_compiler.diagnostic import Diagnostic, Edit, Fix, Label
from espnet3_compiler.suggest import is_sure, nearest
from espnet3_compiler.tree import Scalar


def listed(names: Iterable[str], limit: int = 8) -> str:
    """Return names as ``a, b, c``, at most ``limit`` of them."""
    every = list(names)
    return ", ".join([*every[:limit], *(["…"] if len(every) > limit else [])])


def rename(scalar: Scalar, name: str, *, certain: bool = True) -> Fix:
    """Return the fix that writes another name in the place of a scalar."""
    return Fix(f'write "{name}"', (Edit(scalar.span, name),), certain=certain)


def unknown(
    code: str, message: str, scalar: Scalar, candidates: Iterable[str], hint: str
) -> Diagnostic:
    """Report a name that is none of the candidates.

    Args:
        code: The code of the finding.
        message: The sentence, without the suggestion.
        scalar: The name as written.
        candidates: What would have been right.
        hint: What to do where no candidate is near.
    """
    known = list(candidates)
    near = nearest(str(scalar.value), known)
    return Diagnostic(
        code=code,
        message=message,
        primary=Label(scalar.span, f"not in ({listed(known)})" if known else "there are none"),
        help=(f'did you mean "{near}"?',) if near else (hint,),
        fix=rename(scalar, near, certain=is_sure(str(scalar.value), known)) if near else None,
    )
