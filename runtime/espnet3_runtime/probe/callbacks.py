"""Construct the callbacks of a trainer; what is constructed is thrown away."""

from espnet3_runtime.config import ConfigView
from espnet3_runtime.instantiate import instantiate
from espnet3_runtime.probe.answers import Answers, UnprobedError
from espnet3_runtime.probe.blame import FAILURES, judge
from espnet3_runtime.probe.build_model import check_installed, refuse
from espnet3_runtime.probe.request import Request, Stage
from espnet3_schemas import TARGET

ROLE = "training"


def probe_callbacks(request: Request, answers: Answers, stage: Stage, config: ConfigView) -> None:
    """Report R903 for callbacks that cannot be constructed, each at its place.

    Args:
        request: What the compiler asks for.
        answers: Takes steps and findings.
        stage: A train stage.
        config: Its training config.
    """
    for node in config["trainer"]["callbacks"] or ():
        place = request.place(node.where, stage, ROLE)
        if answers.is_wrong(place.owner, place.path):
            continue
        name = str(node[TARGET])
        answers.step(place, f"constructing {name}")
        before = answers.network.refused
        try:
            instantiate(node)
        except FAILURES as error:
            try:
                check_installed(error, name)
                judge(error, answers, before, f"constructing {name}")
                refuse(request, answers, error, place, stage, ROLE)
            except UnprobedError as why:
                answers.note(str(why))
