"""``espnet3-compile --from-espnet3 DIR``: a recipe of ESPnet3 202611 as a manifest of ours.

Pure text work: nothing of the recipe is imported.  The user's files stay as they are; what is
written is new files beside them.
"""
