"""Makes inputs: real ones with a few things typed over, so that they get past the first check."""

import random
from collections.abc import Callable, Sequence

MOST = 20_000  # bytes of one input; longer ones test nothing that shorter ones do not
TOKENS: tuple[bytes, ...] = (
    *(b"\n", b"\r", b"\t", b" ", b"\x00", b"\x7f", b"\x85", b"\xff", b"\xc3", b"\xed\xa0\x80"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80"),
    *(
        b"\n  ",
        b"\n- ",
        b": ",
        b"- ",
        b"#",
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"!!python/name:os.system ",
    ),
    *(
        b"|2-\n",
        b">+\n",
        b"? ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"'",
        b'"',
        b"\\",
        b"%",
        b"---\n",
        b"...\n",
    ),
    *(b"${", b"}", b"\\${", b"${a.b}", b"${.a}", b"${oc.env:HOME}", b"${oc.env:X,${oc.env:Y}}"),
    *(b"${stages.train.best_checkpoint}", b"${models.net}", b"${load_line:/etc/passwd}", b"${a:"),
    *(b"${configs.training.seed}", b"${recipe}", b"${oc.select:a,b}", b"${config_path:../..}"),
    *(b"null", b"true", b"NaN", b"Infinity", b"1e999", b"-1", b"0", b"1e-3", b"9" * 400, b"0x1F"),
    *(b"_target_: os.system", b"_target_: src.model.Net", b"extends: training", b"~lr: ", b"../"),
    *(b"/etc/passwd", b"..\\", b"bundle://", b"bundle://../x", b"file://", b"C:", b"~", b"."),
    *(b"schema_version", b"path", b"stages", b"outputs", b"files", b"_args_: [1]", b"task: a.b"),
)


def mutate(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return a seed with one to eight changes."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        rng.choice(CHANGES)(rng, data, seeds)
    return bytes(data[:MOST])


def _flip(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _cut(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = rng.randint(0, len(data))
    del data[start : start + rng.choice((1, 1, 2, 5, 20, 100))]


def _end(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[rng.randint(0, len(data)) :]


def _type(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = rng.randint(0, len(data))
    data[start : start + rng.choice((0, 0, 1, 4, 12))] = rng.choice(TOKENS)


def _repeat(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Repeat a token: depth and length are attacks too."""
    start = rng.randint(0, len(data))
    data[start:start] = rng.choice(TOKENS) * rng.choice((2, 3, 50, 3000))


def _splice(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    other = rng.choice(seeds)
    start, end = sorted(rng.randint(0, len(other)) for _ in range(2))
    here = rng.randint(0, len(data))
    data[here : here + rng.choice((0, end - start))] = other[start:end]


def _swap_lines(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    lines = bytes(data).split(b"\n")
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    data[:] = b"\n".join(lines)


def _indent(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    lines = bytes(data).split(b"\n")
    number = rng.randrange(len(lines))
    lines[number] = b" " * rng.randint(1, 4) + lines[number]
    data[:] = b"\n".join(lines)


CHANGES: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], None], ...] = (
    *(_flip, _cut, _end, _type, _type, _type, _repeat, _splice, _swap_lines, _indent),
)
"""Every way of changing an input; typing is listed thrice because it gets deepest."""
