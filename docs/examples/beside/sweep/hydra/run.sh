python main.py --multirun model.lr=0.001,0.01 model.hidden=8,32 hydra.sweep.dir=sweep
sort -n sweep/*/score.txt
