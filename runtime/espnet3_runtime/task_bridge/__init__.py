"""The task bridge: models that an ESPnet2 task builds, and their decoding.

A model of the manifest with ``task: espnet2.tasks.asr.ASRTask`` is described as the ``config.yaml``
of ESPnet2 describes it.  Nothing here is imported unless a recipe has such a model.

Source: https://github.com/espnet/espnet (Apache-2.0), release 202511.
"""
