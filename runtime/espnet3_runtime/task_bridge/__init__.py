"""The task bridge: models that an ESPnet2 task builds, and their decoding.

A model of the manifest with ``task: espnet2.tasks.asr.ASRTask`` has the options of ESPnet2's
``config.yaml``.  Nothing here is imported unless a recipe has such a model.

Source: https://github.com/espnet/espnet (Apache-2.0), releases 202511 and 202611.
"""
