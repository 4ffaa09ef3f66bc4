from src.features import LogMell


def count(): ...
