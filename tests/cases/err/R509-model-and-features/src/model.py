from .features import LogMel


def count(): ...
