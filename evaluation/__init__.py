"""Faults and hostile input, put in on purpose: what is found, and what comes through unharmed.

Each folder is a command. Mistakes in recipes: ``mutations`` (seeded ones), ``by_hand`` (as people
make them), ``shapes`` (sizes that only ``--deep`` can see), ``edits`` (changes of recipes that have
run). Hostile input: ``fuzz``. Processes that die: ``kills``. And ``curriculum`` weighs easy
utterances first by their error rate.
What is measured in seconds and bytes is in ``benchmarks``.
"""
