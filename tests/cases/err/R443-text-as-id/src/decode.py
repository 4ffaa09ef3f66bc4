"""A decoder."""


class Decode:
    words = ("yes", "no")

    def __call__(self, model, speech, **_):
        best = model(speech).argmax(-1)
        return [{"word": self.words[index]} for index in best.tolist()]
