"""Run compiled recipes on torch and Lightning.

Recipes import the names of :mod:`espnet3_runtime.public_names`, which ``docs/reference/python.md``
shows; everything else is internal.
"""
