"""A decoder."""


class Decode:
    words = ("yes", "no")

    def __call__(self, model, speech, **_):
        best = model(speech).argmax(-1)
        return [self._word(index) for index in best.tolist()]

    def _word(self, index) -> str:
        return self.words[index]
