"""Try a recipe on a few items: what ``espnet3-compile --deep`` runs in a process of its own.

``python -m espnet3_runtime.deep REQUEST`` reads one JSON request and answers in JSON lines on
stdout, one for every step, finding, note and model; see :mod:`espnet3_runtime.preflight.protocol`.
Nothing is trained, built or downloaded, and nothing is written into the recipe.
"""
