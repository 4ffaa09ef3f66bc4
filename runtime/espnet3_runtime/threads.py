"""How many CPU threads torch computes with."""


def use_threads(count: int | None) -> None:
    """Let torch compute with ``count`` threads; None leaves its choice."""
    if count is None:
        return
    import torch

    torch.set_num_threads(count)
