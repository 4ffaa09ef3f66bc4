"""What a YAML parser's complaint means for the person who wrote the text.

libyaml and PyYAML word their complaints differently but agree on the places, so the text at the
place decides and the parser's words only choose between a few families.
"""

from espnet3_compiler import read_syntax_block as block
from espnet3_compiler import read_syntax_flow as flow
from espnet3_compiler.diagnostic import Diagnostic, Label
from espnet3_compiler.read_place import Place


def explain(place: Place) -> Diagnostic:
    """Return the finding for a complaint."""
    families = (family(place) for family in FAMILIES)
    return next((finding for finding in families if finding), _otherwise(place))


def _otherwise(place: Place) -> Diagnostic:
    words = place.words.strip(": ").replace("expected <document start>", "expected a new document")
    return Diagnostic(
        "R101",
        "the text is not YAML here",
        Label(place.rest(place.at), "not understood"),
        notes=(f"the parser says: {words}",),
    )


FAMILIES = (
    block.tab,
    flow.quote,
    flow.reference,
    flow.bracket,
    block.colon,
    block.missing_colon,
    block.dash,
    flow.first_character,
    flow.anchor,
    flow.tag,
    flow.block_scalar,
    flow.stray,
    flow.end,
    block.after_quote,
    block.indentation,
)
