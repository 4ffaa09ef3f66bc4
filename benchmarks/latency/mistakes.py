"""Nine mistakes, each a replacement in the text of the recipe."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    Attributes:
        name: What it is.
        right: The text that it replaces, once in the recipe.
        wrong: What is written instead.
        at: The part of ``wrong`` at which a report should point.
        again: Another text and what replaces it, where it takes two.
    """

    name: str
    right: str
    wrong: str
    at: str
    again: tuple[str, str] | None = None

    def plant(self, text: str) -> tuple[str, int]:
        """Return the text with the mistake, and the line (from 1) that it is on.

        Raises:
            ValueError: The text that it replaces is not there, or more than once.
        """
        for right in (self.right, *(self.again or ())[:1]):
            if text.count(right) != 1:
                raise ValueError(f"{right!r} stands {text.count(right)} times in the recipe")
        start = text.index(self.right) + self.wrong.index(self.at)
        planted = text.replace(self.right, self.wrong)
        line = planted.count("\n", 0, start) + 1
        return planted.replace(*self.again) if self.again else planted, line


MISTAKES = (
    Mistake("misspelt key", "max_epochs: 60", "max_epoch: 60", "max_epoch"),
    Mistake("wrong type", "accumulate_grad_batches: 2", "accumulate_grad_batches: two", "two"),
    Mistake("unknown target", "src.layers.Encoder", "src.layers.Encodr", "Encodr"),
    Mistake("unknown argument", "attention_dropout:", "attention_dropuot:", "attention_dropuot"),
    Mistake("unknown reference", "tokenizer.vocab_size}", "tokenizer.vocab_sise}", "vocab_sise"),
    Mistake("unknown stage", "\n  - infer\n", "\n  - infr\n", "infr"),
    Mistake(
        "cycle of stages",
        "  - create_dataset\n",
        "  - {name: create_dataset, needs: [export]}\n",
        "export",
    ),
    Mistake("input that nothing makes", "hyp: text}\n\nstages", "hyp: words}\n\nstages", "words"),
    Mistake("duplicate key", "    seed: 2024\n", "    seed: 2024\n    seed: 2025\n", "seed: 2025"),
)
