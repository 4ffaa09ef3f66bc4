"""A full disk is named, whatever a library makes of it; it keeps no temporary file."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.full_disk import check_refusal, namespace, run_on_full_disk
from tests.runtime.toy import Toy, chain

BIG = "import array, random\nBIG = array.array('d', (random.random() for _ in range(60_000)))\n"
WRITERS = {
    "python": "open(path, 'wb').write(BIG.tobytes())",
    "torch": "import torch\n    torch.save(torch.frombuffer(BIG, dtype=torch.double), path)",
    "numpy": "import numpy\n    numpy.save(open(path, 'wb'), numpy.array(BIG))",
    "a copy from another disk": (
        "import tempfile, shutil, os\n"
        "    with tempfile.NamedTemporaryFile() as file:\n"
        "        for _ in range(4):\n"
        "            file.write(BIG[:7000].tobytes())\n"
        "        file.flush()\n"
        "        open(path + '.more', 'wb').write(BIG[:20_000].tobytes())\n"
        "        shutil.copyfile(file.name, path)"
    ),
    "a directory": (
        "from pathlib import Path\n"
        "    from espnet3_runtime.atomic import atomic_directory\n"
        "    with atomic_directory(Path(path).parent / 'made') as made:\n"
        "        (made / 'file').write_bytes(BIG.tobytes())\n"
        "    open(path, 'w').close()"
    ),
}
if namespace():  # a limit of sizes has no trace in its error, nor on the disk
    WRITERS["soundfile"] = (
        "import numpy, soundfile\n"
        "    soundfile.write(path, numpy.array(BIG), 16000, 'DOUBLE', format='WAV')"
    )


@pytest.fixture
def recipe(tmp_path: Path) -> Toy:
    return chain(tmp_path / "recipe")


@pytest.mark.parametrize("writer", WRITERS)
def test_a_stage_on_a_full_disk(recipe: Toy, writer: str) -> None:
    recipe.file("src/steps.py", f"{BIG}\n\ndef make(path, number):\n    {WRITERS[writer]}\n")
    place = recipe.directory / "exp"
    attempt = run_on_full_disk(
        place, 200, "build/run.py", "--stages", "first", folder=recipe.directory
    )
    check_refusal(attempt, place, ["the disk refused to write", 'stage "first" failed'])


@pytest.mark.parametrize("kilobytes", [0, 4])
def test_no_room_for_the_first_record(recipe: Toy, kilobytes: int) -> None:
    place = recipe.directory / "exp"
    size = kilobytes or 4
    inodes = ",nr_inodes=4" if not kilobytes else ""
    attempt = run_on_full_disk(
        place, size, "build/run.py", "--stages", "first", options=inodes, folder=recipe.directory
    )
    if namespace():
        check_refusal(attempt, place)
    else:  # the record is smaller than the smallest limit
        assert attempt.code_with_room == 0


def test_a_full_directory_for_temporary_files_is_named_only_if_it_is_full(recipe: Toy) -> None:
    place = recipe.directory / "temporary"
    recipe.file(
        "src/steps.py",
        "import os\n\n\ndef make(path, number):\n"
        "    with open(os.environ['TMPDIR'] + '/.tmp-x', 'wb') as file:\n"
        "        try:\n            file.write(b'0' * 300_000)\n            file.flush()\n"
        "        finally:\n            os.unlink(file.name)\n"
        "    open(path, 'w').close()\n",
    )
    command, folder = ("build/run.py", "--stages", "first"), recipe.directory
    attempt = run_on_full_disk(place, 100, *command, folder=folder, TMPDIR=str(place))
    check_refusal(attempt, place, ["the disk refused to write"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="other systems have no such device")
def test_output_that_a_full_disk_refuses_is_told_at_the_end(recipe: Toy) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "build/run.py"],
            cwd=recipe.directory,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "error: what was printed is incomplete: No space left on device\n"
    assert recipe.receipt("second")["status"] == "done"
