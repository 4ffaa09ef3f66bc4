"""A class that was named where its ``from_pretrained`` was meant.

Passes: ``{_target_: transformers.HubertModel.from_pretrained, pretrained_model_name_or_path: …}``.
Fails: ``{_target_: transformers.HubertModel, pretrained_model_name_or_path: …}``.
"""

from espnet3_compiler.checks.findings import value_finding
from espnet3_compiler.diagnostics.diagnostic import Diagnostic, Edit, Fix
from espnet3_compiler.schema.hints import quoted_like
from espnet3_compiler.signature.library import Library
from espnet3_compiler.signature.read import read
from espnet3_compiler.signature.result import NotAnalyzable, Signature
from espnet3_compiler.syntax.provenance import is_fixable
from espnet3_compiler.syntax.tree import Scalar

CONSTRUCTOR = "from_pretrained"
_OF_ARGUMENTS = ("R502", "R503")


def with_constructor(
    library: Library, path: Scalar, found: list[Diagnostic] | NotAnalyzable
) -> list[Diagnostic] | NotAnalyzable:
    """Return the findings about a target, in one where all arguments are of ``from_pretrained``.

    Args:
        library: Reads the signatures of targets.
        path: The dotted path of the target.
        found: What was found about it.
    """
    if isinstance(found, NotAnalyzable):
        return found
    unknown = [item.primary.span.text for item in found if item.code == "R502"]
    meant = f"{path.value}.{CONSTRUCTOR}"
    signature = read(library, meant) if unknown else None
    if not isinstance(signature, Signature) or not all(map(signature.find, unknown)):
        return found
    message = f'{path.value} has no argument "{unknown[0]}", but its {CONSTRUCTOR} has'
    fix = Fix(f'write "{meant}"', (Edit(path.span, quoted_like(path, meant)),))
    one = value_finding(
        "R502",
        message,
        path,
        f"{CONSTRUCTOR} not called",
        advice=(f'did you mean "{meant}"?',),
        notes=(f"defined at {signature.origin}",),
        fix=fix if is_fixable(path) else None,
    )
    return [one, *(item for item in found if item.code not in _OF_ARGUMENTS)]
