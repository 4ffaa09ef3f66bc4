from espnet3.systems.esp2_asr import system
from espnet3.systems.launch import launch

if __name__ == "__main__":
    launch(system_cls=system.ASRSystem)
