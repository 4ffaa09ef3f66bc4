"""Spoken digits with noise, in pairs with the clean recordings: the data of this recipe.

Synthesis, builder and reading of speech are those of digits/asr; ``noise`` and ``mixtures`` add to
them.
"""

from .mixtures import Dataset, DatasetBuilder

__all__ = ["Dataset", "DatasetBuilder"]
