"""Classes that training uses, and those that it could not use."""

import pytest

from tests.compiler.checks.checks_kit import HEAD

TOP = "import torch\nfrom torch import nn\nimport lightning.pytorch as pl\n"
TOP += "from torch.utils.data import DataLoader, Sampler\n"
SETS = "train: [{data_src_args: {split: train}}], valid: [{data_src_args: {split: v}}]"
FORWARD = "    def forward(self, **batch): ...\n"
INIT = "def __init__(self, data): self.data = data"


def _methods(*names: str) -> str:
    return "".join(f"    def {name}(self, *args, **options): ...\n" for name in names)


LOGS, HOOK = _methods("log_metrics"), _methods("on_train_epoch_end")
STEP = _methods("__init__", "step")
HOOKS = ("setup", "teardown", "on_fit_start", "on_fit_end", "on_train_start", "on_train_end")
WRAPS = """    def __init__(self, params, **options):
        inner = torch.optim.SGD(params)
        self.zero_grad, self.state_dict = inner.zero_grad, inner.state_dict
"""


def found_in(check, code: str, key: str) -> list[tuple[str, str]]:
    """Return what is found about ``src.own.Own`` at a key of a training config, or as the model."""
    head, given = HEAD, f", {key}" if key else ""
    if not key:
        head = HEAD.replace("src.model.Net, size: 8", "src.own.Own")
    text = f"{head}configs:\n  training: {{dataset: {{{SETS}}}{given}}}\nstages: [train]\n"
    files = {"src/own.py": f"{TOP}{code}\n"}
    if key:
        files["src/model.py"] = (
            f"{TOP}class Net(nn.Module):\n    def __init__(self, size): ...\n{FORWARD}"
        )
    return check(text, files)


@pytest.mark.parametrize(
    ("code", "key", "place"),
    [
        ("class Own:\n    def forward(self): return 1", "", "Own"),
        ("class Own: ...", "", "src.own.Own"),
        (f"class Own(Sampler):\n    {INIT}", "sampler", "Own"),
        (f"class Own:\n    {INIT}", "loader", "Own"),
        ("class Own: ...", "logger", "Own"),
        (f"class Own:\n{LOGS}", "logger", "Own"),
        (f"class Own:\n{HOOK}", "callbacks", "Own"),
        (f"class Base:\n{HOOK}\nclass Own(Base): ...", "callbacks", "Own"),
        (f"class Own:\n{STEP}", "optimizer", "Own"),
        (f"class Own:\n{STEP}", "optimizers", "Own"),
        (f"class Own:\n{STEP}", "scheduler", "Own"),
    ],
)
def test_what_training_cannot_use(check, code, key, place):
    pytest.importorskip("torch")
    assert found_in(check, code, _written(key)) == [("R425", place)]


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("class Own(nn.Sequential): ...", ""),
        (f"class Base(nn.Module):\n{FORWARD}class Own(Base): ...", ""),
        ("class Own(getattr(nn, 'Module')): ...", ""),
        ("def Own(): return nn.Linear(4, 4)", ""),
        ("class Own:\n    def __new__(cls): return nn.Linear(4, 4)", ""),
        ("class Own:\n    def __getattr__(self, name): return nn.Linear(4, 4)", ""),
        (f"class Own(Sampler):\n    {INIT}\n    def __len__(self): return 1", "sampler"),
        ("class Own(torch.utils.data.RandomSampler): ...", "sampler"),
        ("class Own(torch.utils.data.BatchSampler): ...", "sampler"),
        ("def Own(data): return data", "sampler"),
        ("class Own(DataLoader): ...", "loader"),
        (f"class Own:\n    {INIT}\n    def __iter__(self): return iter(())", "loader"),
        ("def Own(data): return data", "loader"),
        (f"class Own:\n{LOGS}{_methods('log_hyperparams', 'finalize')}", "logger"),
        (f"class Own(pl.Callback):\n{HOOK}", "callbacks"),
        (f"class Base(pl.Callback): ...\nclass Own(Base):\n{HOOK}", "callbacks"),
        ("class Own(unknown.Callback): ...", "callbacks"),
        ("def Own(): return pl.Callback()", "callbacks"),
        (f"class Own:\n    def __getattr__(self, name): return print\n{HOOK}", "callbacks"),
        (f"class Own:\n{HOOK}{_methods(*HOOKS)}", "callbacks"),
        (f"class Own:\n{STEP}{_methods('zero_grad', 'state_dict')}", "optimizer"),
        ("class Own(torch.optim.Adam): ...", "optimizer"),
        (f"class Own:\n{STEP}{WRAPS}", "optimizer"),
        (f"class Own:\n{STEP}{_methods('state_dict')}", "scheduler"),
        ("class Own(torch.optim.lr_scheduler.StepLR): ...", "scheduler"),
    ],
)
def test_what_training_can_use(check, code, key):
    pytest.importorskip("torch")
    found = found_in(check, code, _written(key))
    assert [pair for pair in found if pair[0] == "R425"] == []


@pytest.mark.parametrize(
    ("code", "trainer", "found"),
    [
        ("def Own(data): return data", "devices: 2", True),
        ("def Own(data): return data", "devices: [0, 1]", True),
        ("def Own(data): return data", "num_nodes: 2", True),
        ("def Own(data): return data", "devices: 1", False),
        ("def Own(data): return data", "devices: auto", False),
        ("def Own(data, rank, world): return data", "devices: 2", False),
        (f"class Own:\n    {INIT}\n    def __iter__(self): yield 0", "devices: 2", True),
        ("class Own(DataLoader): ...", "devices: 2", False),
    ],
)
def test_a_loader_asks_for_its_rank(check, code, trainer, found):
    pytest.importorskip("torch")
    result = found_in(check, code, f"trainer: {{{trainer}}}, {_written('loader')}")
    assert [pair for pair in result if pair[0] == "R415"] == [("R415", "src.own.Own")] * found


def _written(key: str) -> str:
    target = "{_target_: src.own.Own}"
    if key in ("logger", "callbacks"):
        return f"trainer: {{{key}: [{target}]}}"
    if key in ("optimizer", "scheduler"):
        return f"{key}: {target}"
    if key == "optimizers":
        return f"optimizers: {{all: {{params: '*', optimizer: {target}}}}}"
    return f"dataloader: {{valid: {{{key}: {target}}}}}" if key else ""
