"""Random crops."""


def crop(): ...
