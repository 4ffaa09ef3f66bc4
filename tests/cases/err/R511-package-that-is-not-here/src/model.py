import speechbrain


def count(): ...
