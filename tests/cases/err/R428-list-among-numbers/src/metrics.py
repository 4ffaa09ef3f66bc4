"""A metric."""


class Recall:
    def __call__(self, ref, hyp):
        recalls = [
            [one for other, one in zip(ref, hyp, strict=True) if other == name].count(name)
            for name in sorted(set(ref))
        ]
        right = [one == other for one, other in zip(ref, hyp, strict=True)]
        return {"mean": sum(recalls) / len(recalls), "recalls": recalls, "right": right}
