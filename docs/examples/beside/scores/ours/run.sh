espnet3-compile recipe.yaml
python build/run.py
