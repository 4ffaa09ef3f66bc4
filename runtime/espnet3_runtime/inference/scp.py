"""SCP files: one ``utt_id value`` a line, as Kaldi and ESPnet read them."""

from collections.abc import Iterable
from pathlib import Path

from espnet3_runtime.errors import UserError


def read_scp(path: Path) -> dict[str, str]:
    """Return the values by utterance id, in the order of the file; a value may be empty.

    Raises:
        UserError: The file is missing or not UTF-8, or an id appears twice.
    """
    values: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                utt_id, _, value = line.rstrip("\n").partition(" ")
                if utt_id in values:
                    raise UserError(f'{path}:{number}: the id "{utt_id}" appears twice')
                values[utt_id] = value
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except UnicodeDecodeError as error:
        raise UserError(f'"{path}" is not UTF-8 after line {len(values)}') from error
    return values


def format_scp(items: Iterable[tuple[str, str]]) -> str:
    """Return the text of an SCP file; line breaks inside a value become spaces."""
    return "".join(f"{utt_id} {' '.join(value.splitlines())}\n" for utt_id, value in items)


def check_id(utt_id: str) -> None:
    """Refuse an id that an SCP file cannot hold.

    Raises:
        UserError: The id is empty or contains white space.
    """
    if utt_id.split() != [utt_id]:
        raise UserError(
            f'the utterance id "{utt_id}" is empty or contains white space',
            hint='give every sample a "utt_id" of one word',
        )
