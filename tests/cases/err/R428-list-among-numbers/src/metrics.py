"""A metric."""


class Recall:
    def __call__(self, ref, hyp):
        recalls = [float(one == other) for one, other in zip(ref, hyp, strict=True)]
        return {"mean": sum(recalls) / len(recalls), "recalls": recalls}
