"""A runner of the case."""


class Search:
    def __call__(self, model, speech, **_):
        best = model.encode(speech)[1] != model.silence
        return [{"text": str(row)} for row in best.tolist()]
