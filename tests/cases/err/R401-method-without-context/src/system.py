"""A System with a method that was meant as a stage."""

from espnet3_runtime.systems.base import BaseSystem


class Counting(BaseSystem):
    def count_words(self):
        return {}
