WORDS = ("yes", "no", "stop")
NUMBERS = {word: number for number, word in enumerate(WORDS)}


class WordToLabel:
    def __call__(self, sample):
        rest = {key: value for key, value in sample.items() if key != "word"}
        return {**rest, "feats": sample["feats"], "label": NUMBERS[sample["word"]]}
