python main.py --config config.yaml
