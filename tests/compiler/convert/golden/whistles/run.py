import espnet3.systems.base.system
from espnet3.systems.launch import launch


class WhistleSystem(espnet3.systems.base.system.BaseSystem):
    def polish(self) -> None: ...

    def _inner(self) -> None: ...


launch(WhistleSystem, conf_package="egs3.TEMPLATE.f5tts")
