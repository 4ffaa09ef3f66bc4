"""``espnet3-compile --from-espnet3 DIR``: convert a recipe of ESPnet3 202611 into a manifest.

Nothing of the recipe is imported; its files stay, and new files are written beside them.
"""
