espnet3-compile recipe.yaml
python build/run.py
python -m espnet3_runtime.compare exp
