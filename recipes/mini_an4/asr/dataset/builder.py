"""Builds the corpus: WAV files and one manifest for each split."""

import io
from pathlib import Path

import soundfile

from espnet3_runtime.errors import UserError

from .archive import Archive, read_archive
from .fetch import ARCHIVE_SHA256, check, digest, fetch
from .transcripts import Utterance, split_corpus

VERSION = 1  # count up when the files that are written change
SAMPLE_RATE = 16_000
SPLITS = ("train", "valid", "test")
HEADER = 44  # bytes before the samples of a WAV file
COLUMNS = ("utt_id", "wav", "samples", "speaker", "text")


class DatasetBuilder:
    """Makes WAV files and manifests below ``<data_dir>/an4`` from an archive of AN4.

    The methods take the same arguments:

    Args:
        archive: A local archive; null fetches the one in the ``espnet`` wheel, once.
        sha256: What the archive must be; null takes any of the same layout, for example the whole
            of AN4 from CMU.
        valid: Training utterances that are set aside for validation.
    """

    def __init__(self, data_dir: str) -> None:
        self.root = Path(data_dir) / "an4"

    def is_source_prepared(
        self, *, archive: str | None = None, sha256: str | None = ARCHIVE_SHA256, valid: int = 1
    ) -> bool:
        """Tell whether the right archive is at hand."""
        del valid
        path = self._archive(archive)
        return path.is_file() and sha256 in (None, digest(path))

    def prepare_source(
        self, *, archive: str | None = None, sha256: str | None = ARCHIVE_SHA256, valid: int = 1
    ) -> None:
        """Fetch the archive, or say what is wrong with the given one."""
        del valid
        if archive is None:
            fetch(self._archive(None))
        check(self._archive(archive), sha256)

    def is_built(
        self, *, archive: str | None = None, sha256: str | None = ARCHIVE_SHA256, valid: int = 1
    ) -> bool:
        """Tell whether exactly this corpus is there, and every file of it as long as it was."""
        del sha256
        stamp = self.root / "corpus.txt"
        wanted = _stamp(self._archive(archive), valid)
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            return False
        return all(self._is_whole(self.root / f"{split}.tsv") for split in SPLITS)

    def build(
        self, *, archive: str | None = None, sha256: str | None = ARCHIVE_SHA256, valid: int = 1
    ) -> None:
        """Decode the audio and write the manifests.

        Raises:
            UserError: The archive is not AN4, or audio is missing or in another format.
        """
        path = self._archive(archive)
        check(path, sha256)
        content = read_archive(path)
        (self.root / "corpus.txt").unlink(missing_ok=True)
        (self.root / "wav").mkdir(parents=True, exist_ok=True)
        (self.root / "LICENSE").write_bytes(content.licence)
        for split, utterances in split_corpus(content.transcripts, valid).items():
            rows = [self._row(utterance, content) for utterance in utterances]
            lines = ["\t".join(row) + "\n" for row in (COLUMNS, *rows)]
            _write_text(self.root / f"{split}.tsv", "".join(lines))
        _write_text(self.root / "corpus.txt", _stamp(path, valid))

    def _is_whole(self, manifest: Path) -> bool:
        if not manifest.is_file():
            return False
        rows = [line.split("\t") for line in manifest.read_text(encoding="utf-8").splitlines()[1:]]
        files = ((self.root / "wav" / row[1], HEADER + 2 * int(row[2])) for row in rows)
        return all(path.is_file() and path.stat().st_size == size for path, size in files)

    def _archive(self, archive: str | None) -> Path:
        return self.root / "an4.tar.gz" if archive is None else Path(archive)

    def _row(self, utterance: Utterance, content: Archive) -> tuple[str, ...]:
        """Write the audio of an utterance and return its line of the manifest."""
        if utterance.source not in content.audio:
            raise UserError(f'the archive has no audio "{utterance.source}.sph"')
        name = f"{utterance.utt_id}.wav"
        samples = _decode(
            utterance.source, content.audio[utterance.source], self.root / "wav", name
        )
        return (utterance.utt_id, name, str(samples), utterance.speaker, utterance.text)


def _decode(source: str, data: bytes, folder: Path, name: str) -> int:
    """Write NIST SPHERE audio as WAV, sample for sample; return the number of samples."""
    try:
        audio, rate = soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise UserError(f'"{source}.sph" is no audio that libsndfile reads: {error}') from None
    if rate != SAMPLE_RATE or audio.shape[1] != 1:
        raise UserError(
            f'"{source}.sph" has {audio.shape[1]} channels at {rate} Hz, not 1 at 16000'
        )
    whole = io.BytesIO()  # a full disk is then an OSError that says so
    soundfile.write(whole, audio, rate, subtype="PCM_16", format="WAV")
    partial = folder / f"{name}.partial"
    partial.write_bytes(whole.getvalue())
    partial.replace(folder / name)
    return len(audio)


def _stamp(archive: Path, valid: int) -> str:
    sha256 = digest(archive) if archive.is_file() else "none"
    return f"version {VERSION}\narchive {sha256}\nvalid {valid}\n"


def _write_text(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
