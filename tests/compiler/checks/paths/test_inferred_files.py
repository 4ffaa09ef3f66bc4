"""Files of an infer stage that other stages name."""

import pytest

from tests.compiler.checks.checks_kit import CONFIGS, HEAD

SECOND = """\
  second:
    extends: inference
    dataset: {test: [{name: dev, data_src_args: {split: "${stages.infer.inference_dir}/FILE"}}]}
stages: [train, infer, {name: again, run: infer, config: second}]
"""
CALL = "  - {name: add, call: src.more.add, with: {path: '${stages.infer.inference_dir}'}}\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("dev/text.scp", "", "", False),
        ("dev/words.scp", "", "", True),
        ("test/text.scp", "", "", True),
        ("dev/dataset/text.scp", "", "", False),
        ("dev/words.json", "", "", False),
        ("text.scp", "", "", True),
        ("text/a.wav", "", "", True),
        ("inference.json", "", "", False),
        ("../more/text.scp", "", "", False),
        ("*/text.scp", "", "", False),
        ("text.scp", "{name: dev}", "{name: '${oc.env:SET}'}", True),
        ("dev/words.scp", "    output_keys: [text]\n", "", False),
        ("test/text.scp", "[{name: dev}]", "'${oc.env:SETS}'", False),
        ("test/text.scp", "{name: dev}", "{name: '${oc.env:SET}'}", False),
        ("dev/words.scp", "output_keys: [text]", "output_keys: [text, words]", False),
        (
            "dev/words.scp",
            "output_keys: [text]",
            "contract: {inputs: {speech: {kind: text}}, outputs: {text: {kind: text}}}",
            True,
        ),
    ],
)
def test_infer_writes_the_files_that_others_read(check, file, old, new, found):
    text = f"{HEAD}{CONFIGS.replace(old, new)}{SECOND.replace('FILE', file)}"
    assert [one[0] for one in check(text) if one[0] == "R411"] == (["R411"] if found else [])


def test_a_call_may_write_more(check):
    second = SECOND.replace("FILE", "dev/words.scp")
    second = second.replace("stages: [train, infer, ", f"stages:\n  - train\n  - infer\n{CALL}  - ")
    more = {"src/more.py": "def add(path): ...\n"}
    found = check(f"{HEAD}{CONFIGS}{second.replace('}]', '}')}", more)
    assert "R411" not in [one[0] for one in found]
