"""The call of a packed model that its card shows: an example of each kind that it takes."""

from espnet3_runtime.data.contract import Contract, Field

_MANY = 8  # numbers that are written out


def example_call(contract: Contract) -> str:
    """Return the argument of ``model(…)`` as Python: a value, or a mapping of several."""
    needed = [one for one in contract.inputs if not one.optional] or list(contract.inputs)
    if len(needed) == 1:
        return _example_value(needed[0])
    return f"{{{', '.join(f'{_quoted(one.name)}: {_example_value(one)}' for one in needed)}}}"


def _example_value(field: Field) -> str:
    size = field.size or 3
    columns = field.columns or ("column",)
    examples = {
        "audio": '"audio.wav"',
        "image": '"image.png"',
        "text": '"some text"',
        "number": "1.0",
        "vector": f"[0.0] * {size}" if size > _MANY else str([0.0] * size),
        "category": _quoted(field.choices[0]) if field.choices else '""',
        "table": f"[{{{', '.join(f'{_quoted(name)}: 0.0' for name in columns)}}}]",
        "own": field.type.example if field.type else '""',
        "segments": '[{"text": "some text", "start": 0.0, "end": 1.0}]',
    }
    return examples[field.kind]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
