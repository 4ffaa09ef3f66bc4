python main.py data.train=easy trainer.max_epochs=2 trainer.callbacks.0.dirpath=easy
python main.py init_from=easy/last.ckpt
