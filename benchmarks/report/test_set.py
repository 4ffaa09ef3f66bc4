"""An experiment with a large, made-up test set."""

import json
import random
from pathlib import Path

from espnet3_runtime.metrics.item_scores import ItemScores
from tests.runtime.report_kit import add_utterances, fill, make_build

Step = tuple[str, str, str]


def make_experiment(
    folder: Path, utterances: int, words: int, chance: random.Random
) -> tuple[Path, Path]:
    """Write an experiment whose test set has words of a Zipf law, a tenth of them misheard.

    Beside two error rates there are classes, each ninth of them taken for another one.
    """
    experiment, build = make_build(folder)
    fill(experiment)
    lexicon = [_make_word(chance) for _ in range(5000)]
    weights = [1 / rank for rank in range(1, len(lexicon) + 1)]
    by_word, by_letter = [], []
    for number in range(utterances):
        said = chance.choices(lexicon, weights, k=max(1, round(chance.gauss(words, words / 3))))
        steps = [_hear(word, lexicon, chance) for word in said]
        by_word.append((f"speaker{number % 200:03}-{number:06}", steps))
        by_letter.append((by_word[-1][0], [one for step in steps for one in _spell(step)]))
    test = experiment / "measure/test"
    add_utterances(test, "wer", by_word)
    add_utterances(test, "cer", by_letter)
    utt_ids = [utt_id for utt_id, _ in by_word]
    _write_columns(test, utt_ids, chance)
    _write_classes(test / "accuracy", utt_ids, lexicon[:20], chance)
    scores = json.loads((experiment / "measure/metrics.json").read_text())
    scores["metrics"]["cer"] = {"test": {"cer": 5.0}}
    scores["metrics"]["accuracy"] = {"test": {"accuracy": 88.9}}
    scores["about"]["accuracy"] = {**scores["about"]["wer"], "headline": "accuracy", "target": "A"}
    scores["about"]["cer"] = {**scores["about"]["wer"], "headline": "cer", "target": "x.CER"}
    (experiment / "measure/metrics.json").write_text(json.dumps(scores))
    return experiment, build


def _make_word(chance: random.Random) -> str:
    syllables = [a + b for a in "bdfgklmnprstvwz" for b in "aeiou"]
    return "".join(chance.choices(syllables, k=chance.randint(1, 4)))


def _hear(word: str, lexicon: list[str], chance: random.Random) -> Step:
    kind = chance.choices(("equal", "substitute", "delete"), (90, 8, 2))[0]
    heard = {"equal": word, "substitute": chance.choice(lexicon), "delete": ""}[kind]
    return kind, word, heard


def _spell(step: Step) -> list[Step]:
    kind, said, heard = step
    letters = [("equal", letter, letter) for letter in f"{said} "]
    return (
        letters if kind == "equal" else [("substitute", said[0], (heard or "x")[0]), *letters[1:]]
    )


def _write_columns(test: Path, utt_ids: list[str], chance: random.Random) -> None:
    columns = {
        "speaker": [utt_id.partition("-")[0] for utt_id in utt_ids],
        "seconds": [round(chance.uniform(1, 20), 3) for _ in utt_ids],
    }
    (test / "columns.json").write_text(json.dumps({"utt_ids": utt_ids, "columns": columns}))


def _write_classes(
    folder: Path, utt_ids: list[str], classes: list[str], chance: random.Random
) -> None:
    said = chance.choices(classes, k=len(utt_ids))
    heard = [chance.choice(classes) if place % 9 == 0 else one for place, one in enumerate(said)]
    items = ItemScores(utt_ids, higher_is_better=True, unit="%", texts={"ref": said, "hyp": heard})
    items.add("accuracy", [100 * (one == other) for one, other in zip(said, heard, strict=True)])
    items.add("confidence", [chance.random() for _ in utt_ids])
    items.write(folder)
