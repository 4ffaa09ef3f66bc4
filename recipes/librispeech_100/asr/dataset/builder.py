"""Gets LibriSpeech, checks it, and writes one manifest for each part."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from espnet3_runtime.errors import UserError

from .download import download
from .index import Utterance, index_part
from .parts import PUBLISHED, URL
from .unpack import unpack

VERSION = 1  # count up when the manifests change
COLUMNS = ("utt_id", "flac", "samples", "speaker", "text")


class DatasetBuilder:
    """Writes manifests below ``<data_dir>/librispeech``; the FLAC files are read where they are.

    The methods take the same arguments:

    Args:
        source: An existing ``LibriSpeech`` directory, or the one that holds it; null downloads the
            corpus into ``<data_dir>/librispeech``.
        url: Where the archives are: a mirror, or a ``file:`` URL of a directory that holds them.
        parts: The parts to prepare.
        official: Whether archives and numbers of utterances must be the published ones; false for
            a corpus of one's own in the same layout.
    """

    def __init__(self, data_dir: str) -> None:
        self.root = Path(data_dir) / "librispeech"

    def is_source_prepared(
        self,
        *,
        source: str | None = None,
        url: str = URL,
        parts: Sequence[str] = tuple(PUBLISHED),
        official: bool = True,
    ) -> bool:
        """Tell whether every part is unpacked."""
        del url, official
        return all((self._corpus(source) / part).is_dir() for part in parts)

    def prepare_source(
        self,
        *,
        source: str | None = None,
        url: str = URL,
        parts: Sequence[str] = tuple(PUBLISHED),
        official: bool = True,
    ) -> None:
        """Download and unpack the parts that are not there; an interrupted download goes on.

        Raises:
            UserError: A part is unknown, is missing in ``source``, or cannot be fetched.
        """
        corpus = self._corpus(source)
        for part in parts:
            if (corpus / part).is_dir():
                continue
            if source is not None:
                what = f'"{source}" has no LibriSpeech/{part}'
                raise UserError(what, where="create_dataset.source")
            archive = self.root / f"{part}.tar.gz"
            if not archive.is_file():
                download(
                    f"{url.rstrip('/')}/{part}.tar.gz", archive, _sha256(part) if official else None
                )
            unpack(archive, part, corpus)
            archive.unlink()

    def is_built(
        self,
        *,
        source: str | None = None,
        url: str = URL,
        parts: Sequence[str] = tuple(PUBLISHED),
        official: bool = True,
    ) -> bool:
        """Tell whether the manifests of exactly these parts are there."""
        del url
        stamp = self.root / "corpus.json"
        wanted = _stamp(self._corpus(source), parts, official=official)
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            return False
        return all((self.root / f"{part}.tsv").is_file() for part in parts)

    def build(
        self,
        *,
        source: str | None = None,
        url: str = URL,
        parts: Sequence[str] = tuple(PUBLISHED),
        official: bool = True,
    ) -> None:
        """Compare transcripts with audio files and write the manifests.

        Raises:
            UserError: The corpus is not whole.
        """
        del url
        corpus = self._corpus(source)
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "corpus.json").unlink(missing_ok=True)
        for part in parts:
            utterances = index_part(corpus, part)
            if official:
                _check_whole(part, len(utterances))
            _write_text(self.root / f"{part}.tsv", _manifest(utterances))
        _write_text(self.root / "corpus.json", _stamp(corpus, parts, official=official))

    def _corpus(self, source: str | None) -> Path:
        if source is None:
            return self.root / "LibriSpeech"
        given = Path(source).expanduser().resolve()
        return given / "LibriSpeech" if (given / "LibriSpeech").is_dir() else given


def _sha256(part: str) -> str:
    if part not in PUBLISHED:
        raise UserError(
            f'there is no published part "{part}" here',
            where="create_dataset.parts",
            hint=f"choose from: {', '.join(PUBLISHED)}",
        )
    return PUBLISHED[part].sha256


def _check_whole(part: str, found: int) -> None:
    if part in PUBLISHED and found != PUBLISHED[part].utterances:
        raise UserError(
            f"{part} has {found:,} utterances, and {PUBLISHED[part].utterances:,} are published",
            where="create_dataset.official",
            hint="set official to false for a corpus of your own in this layout",
        )


def _stamp(corpus: Path, parts: Sequence[str], *, official: bool) -> str:
    facts = {"version": VERSION, "corpus": str(corpus), "parts": [*parts], "official": official}
    return json.dumps(facts, indent=1) + "\n"


def _manifest(utterances: Sequence[Utterance]) -> str:
    rows = [COLUMNS, *(tuple(map(str, asdict(utterance).values())) for utterance in utterances)]
    return "".join("\t".join(row) + "\n" for row in rows)


def _write_text(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
