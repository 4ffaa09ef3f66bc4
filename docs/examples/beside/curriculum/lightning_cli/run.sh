python main.py fit --config config.yaml --trainer.callbacks.dirpath easy --ckpt_path last \
    --trainer.max_epochs 2 --data.train easy
python main.py fit --config config.yaml --trainer.callbacks.dirpath full --ckpt_path last \
    --trainer.max_epochs 3 --init_from easy/last.ckpt
