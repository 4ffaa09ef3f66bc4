"""A System of the recipe's own."""

from espnet3.systems.launch import launch

from src.system import BellSystem

if __name__ == "__main__":
    launch(BellSystem, conf_package="egs3.TEMPLATE.esp2_asr")
