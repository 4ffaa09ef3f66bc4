"""A metric class of ESPnet3, called as ESPnet3 calls it."""

from pathlib import Path

from espnet3_runtime.metrics.scp_metric import ScpMetric


def test_it_reads_scp_files_and_may_write_beside_them(tmp_path: Path):
    seen = {}

    def metric(data: dict[str, Path], test_name: str, output_dir: Path) -> dict[str, int]:
        seen.update({name: path.read_text() for name, path in data.items()}, test=test_name)
        (output_dir / "alignment").write_text("x")
        return {"BLEU": 12}

    folder = tmp_path / "test-clean" / "bleu"
    folder.mkdir(parents=True)
    found = ScpMetric(metric)(["u1", "u2"], folder, ref=["a b", ""], hyp=["a", "c"])
    assert found == {"BLEU": 12.0}
    assert seen == {"ref": "u1 a b\nu2 \n", "hyp": "u1 a\nu2 c\n", "test": "test-clean"}
    assert (folder / "alignment").exists()


def test_an_empty_test_set_has_empty_files(tmp_path: Path):
    found = ScpMetric(lambda data, *_: {"n": len(data["hyp"].read_text())})([], tmp_path, hyp=[])
    assert found == {"n": 0.0}
