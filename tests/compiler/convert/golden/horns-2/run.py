from espnet3.systems import launch
from espnet3.systems.esp2_asr.system import ASRSystem as Own

launch.launch(Own)
