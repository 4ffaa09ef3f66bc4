"""A metric."""


class Distance:
    def __call__(self, ref, hyp):
        apart = [abs(float(one) - float(other)) for one, other in zip(ref, hyp, strict=True)]
        return {"distance": sum(apart) / len(apart)}
