class Decode:
    def __init__(self, beam: int) -> None:
        self.beam = beam

    def __call__(self, model, speech, speech_lengths):
        return [{"text": "", "score": 0.5} for _ in speech]
