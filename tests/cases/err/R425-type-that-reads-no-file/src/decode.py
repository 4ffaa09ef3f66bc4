"""A decoder."""


class Decode:
    def __init__(self, beam):
        self.beam = beam

    def __call__(self, model, speech, **_):
        return [{"text": ""} for _ in speech]
