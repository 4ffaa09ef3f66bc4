"""A metric."""


class Recall:
    unit = "%"

    def __call__(self, ref, hyp):
        right = sum(one == other for one, other in zip(ref, hyp, strict=True))
        return {"right": right, "recall": f"{100 * right / len(ref):.1f} %"}
