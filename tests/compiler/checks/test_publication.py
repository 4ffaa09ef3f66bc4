"""Bundles, demos and where they go: what the packing stages would refuse."""

import pytest

HEAD = """\
version: 1
recipe: mini/asr
system: asr
models:
  net: {{_target_: {model}}}
configs:
  training: {{dataset: {{train: [{{data_src_args: {{split: train}}}}]}}}}
  inference:
    checkpoint: ${{stages.train.best_checkpoint}}
    dataset: {{test: [{{name: dev}}]}}
    {runner}
    contract: {contract}
  publication: {{pack_model: {{include: [src]}}}}
  demo: {{{demo}}}
stages: [train, infer, pack_model, pack_demo{more}]
"""
CONTRACT = "{inputs: {speech: {kind: audio}}, outputs: {text: {kind: text}}}"
CODE = {
    "src/decode.py": "def decode(model, **batch):\n    return []\n",
    "README.md": "hello",
    "examples/a.wav": "",
    "src/page.py": "",
}
TRUSTED = "model: {trust_user_code: true}"
DECODE = "runner: {_target_: src.decode.decode, _partial_: true}"


def report(check, *, demo=TRUSTED, contract=CONTRACT, more="", model=None, runner=DECODE):
    net = model or "src.model.Net, size: 8"
    text = HEAD.format(demo=demo, contract=contract, more=more, model=net, runner=runner)
    return check(text, CODE)


@pytest.mark.parametrize(
    ("ui", "found"),
    [
        ("{}", None),
        ("{inputs: [{key: speech, type: audio}]}", None),
        ("{inputs: [{key: audio, type: audio}]}", ("R422", "audio")),
        ("{inputs: [{key: speech, type: text}]}", ("R604", "text")),
        ("{outputs: [{key: text, type: audio}]}", ("R604", "audio")),
        ("{inputs: []}", ("R603", "[]")),
        ("{inputs: [], app_script: src/page.py}", None),
        ("{outputs: []}", None),
        ("{description: See README.md for more}", None),
        ("{description: README.md}", None),
        ("{description: REDME.md}", ("R701", "REDME.md")),
    ],
)
def test_widgets_show_what_the_contract_declares(check, ui, found):
    given = report(check, demo=f"{TRUSTED}, ui: {ui}")
    assert given == ([found] if found else [])


@pytest.mark.parametrize(
    ("contract", "ui", "found"),
    [
        ("null", "{}", ("R603", "pack_demo")),
        (
            "null",
            "{inputs: [{key: a, type: text}], outputs: [{key: b, type: text}]}",
            None,
        ),
        (
            "null",
            "{inputs: [{key: a, type: text}], outputs: [{key: b, type: audio}]}",
            ("R603", "audio"),
        ),
        ("{inputs: {a: {kind: text}}}", "{}", ("R603", "pack_demo")),
        ("{inputs: {a: {kind: text}}}", "{outputs: [{key: b, type: text}]}", None),
        (
            "{inputs: {a: {kind: segments}}, outputs: {b: {kind: text}}}",
            "{}",
            ("R604", "segments"),
        ),
        ("{inputs: {a: {kind: number}}, outputs: {b: {kind: segments}}}", "{}", None),
        (
            "{inputs: {a: {kind: number}}, outputs: {b: {kind: number}}}",
            "{inputs: [{key: a, type: text}], outputs: [{key: b, type: text}]}",
            ("R604", "text"),
        ),
        (
            (
                "{inputs: {a: {kind: text}, c: {kind: text, optional: true}}, "
                "outputs: {b: {kind: audio, sample_rate: 8000}}}"
            ),
            "{inputs: [{key: a, type: text}], outputs: [{key: b, type: audio}]}",
            None,
        ),
        (
            "{inputs: {a: {kind: text}, c: {kind: text}}, outputs: {b: {kind: text}}}",
            "{inputs: [{key: a, type: text}]}",
            ("R603", "[{key: a, type: text}]"),
        ),
        # told once, though the page cannot play it either
        ("{inputs: {a: {kind: text}}, outputs: {b: {kind: audio}}}", "{}", ("R603", "audio")),
    ],
)
def test_a_page_has_fields_that_it_can_show(check, contract, ui, found):
    given = report(check, contract=contract, demo=f"{TRUSTED}, ui: {ui}")
    assert given == ([found] if found else [])


def test_a_demo_runs_code_that_it_trusts(check):
    assert report(check, demo="ui: {title: It}") == [("R433", "pack_demo")]
    assert report(check, demo="model: {trust_user_code: false}") == [("R433", "false")]
    layer = "torch.nn.Linear, in_features: 8, out_features: 8"
    ours = "input_key: speech\n    model: {_target_: torch.nn.Identity}"
    assert report(check, demo="ui: {title: It}", model=layer, runner=DECODE) == [
        ("R433", "pack_demo")
    ]
    assert report(check, demo="ui: {title: It}", model=layer, runner=ours) == []


@pytest.mark.parametrize(
    ("pack", "found"),
    [
        ("include: [src]", None),
        ("include: [.]", ("R420", ".")),
        ("include: ['**']", ("R420", "'**'")),
        ("include: [.], exclude: [exp, jinja2]", None),
        ("include: [src, jinja2]", ("R202", "[src, jinja2]")),
    ],
)
def test_files_of_a_bundle_are_named_and_in_nobodys_way(check, pack, found):
    text = HEAD.format(
        demo=TRUSTED, contract=CONTRACT, more="", model="src.model.Net, size: 8", runner=DECODE
    )
    code = {**CODE, "jinja2/helpers.py": ""}
    given = check(text.replace("{include: [src]}", f"{{{pack}}}"), code)
    assert given == ([found] if found else [])


@pytest.mark.parametrize(
    ("pack", "found"),
    [
        ("include: [examples]", None),
        ("include: [src, 'examples/*.wav']", None),
        ("include: [README.md]", ("R202", "README.md")),
        ("include: [.]", ("R202", ".")),
        ("include: [.], exclude: [README.md]", None),
        ("include: [README.md], exclude: ['${stages.train.curves}']", None),
    ],
)
def test_files_of_a_demo_have_names_of_their_own(check, pack, found):
    given = report(check, demo=f"{TRUSTED}, pack: {{{pack}}}")
    assert given == ([found] if found else [])


@pytest.mark.parametrize(
    ("upload", "found"),
    [
        ("hf_repo: me/it", None),
        ("hf_repo: it", None),
        ("hf_repo: it, organization: us", None),
        ("hf_repo: us/it, organization: us", None),
        ("hf_repo: me/it, organization: us", ("R607", "us")),
        ("hf_repo: me/it--new", ("R606", "me/it--new")),
        ("hf_repo: me/it.git", ("R606", "me/it.git")),
        ("hf_repo: <me>/it", ("R606", "<me>/it")),
        ("hf_repo: me/it.v1_a-b", None),
        ("hf_repo: 'me/${exp_tag}'", None),
    ],
)
def test_a_demo_goes_to_a_repository_of_its_owner(check, upload, found):
    demo = f"{TRUSTED}, upload_demo: {{{upload}}}"
    assert report(check, demo=demo, more=", upload_demo") == ([found] if found else [])


@pytest.mark.parametrize(
    ("card", "found"),
    [
        ("# ${recipe}: $exp_tag, for $$5", []),
        ("By ${author}.", []),
        ("By ${autor}.", [("R301", "autor")]),
        ("By $autor of ${commit}.", []),  # no line of the card where there is no commit
        ("By $autor of ${nobody}.", [("R301", "autor"), ("R301", "nobody")]),
        ("It costs $5.", [("R304", "$")]),
        ("${results} for $5", []),
    ],
)
def test_a_card_names_what_has_a_value(check, card, found):
    text = HEAD.format(
        demo=TRUSTED, contract=CONTRACT, more="", model="src.model.Net, size: 8", runner=DECODE
    )
    settings = "include: [src], readme: card.md, readme_context: {author: me}"
    files = {**CODE, "card.md": card}
    assert check(text.replace("include: [src]", settings), files) == found


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("split: train", "split: train, token: a1b2c3", True),
        ("split: train", "split: train, token: '<pad>'", False),
        ("split: train", "split: train, api_key: '${oc.env:KEY}'", False),
        ("split: train", "split: train, pad_token: a1b2c3", False),
        ("split: train", "split: train, url: 'https://me:word@host/a'", True),
        ("split: train", "split: train, url: 'https://host/a'", False),
        ("size: 8", "size: 8, stats: 'password=a1b2c3'", True),
        ("{name: dev}", "{name: dev, data_src_args: {token: a1b2c3}}", False),
        ("trust_user_code: true", "trust_user_code: true, call_args: {api_key: a1b2c3}", True),
    ],
)
def test_what_is_published_holds_no_secrets(check, old, new, found):
    text = HEAD.format(
        demo=TRUSTED, contract=CONTRACT, more="", model="src.model.Net, size: 8", runner=DECODE
    )
    data = {"dataset/__init__.py": "class Dataset:\n    def __init__(self, **given): ...\n"}
    codes = {code for code, _ in check(text.replace(old, new), {**CODE, **data})}
    assert ("R435" in codes) == found


@pytest.mark.parametrize(
    ("include", "file", "found"),
    [
        ("[src, code]", "code/__init__.py", [("R202", "[src, code]")]),
        ("[src, random.py]", "random.py", [("R209", '"""It."""')]),  # which says it already
        ("[src, tools]", "tools/code.py", []),
        ("[src, code]", "code/notes.txt", []),
    ],
)
def test_modules_of_a_bundle_are_none_of_python(check, include, file, found):
    text = HEAD.format(
        demo=TRUSTED, contract=CONTRACT, more="", model="src.model.Net, size: 8", runner=DECODE
    )
    files = {**CODE, file: '"""It."""'}
    assert check(text.replace("include: [src]", f"include: {include}"), files) == found


@pytest.mark.parametrize(
    ("parallel", "found"),
    [
        ("{env: ssh, options: {hosts: [a, b]}}", []),
        ("{env: ssh, options: {hosts: '${oc.env:HOSTS,a}'}}", []),
        ("{env: ssh, options: {scheduler_addr: a}}", []),
        ("{env: ssh}", [("R603", "ssh")]),
        ("{env: ssh, options: {hosts: [a]}}", [("R605", "[a]")]),
        ("{n_workers: 2, options: {n_workers: 4}}", [("R607", "n_workers")]),
        ("{n_workers: 2, options: {processes: false}}", []),
        ("{env: slurm, n_workers: 2, options: {n_workers: 4}}", []),
        ("{env: slurm, n_workers: 2, options: {mem: 16GB}}", [("R502", "mem")]),
        ("{env: lsf, n_workers: 2, options: {mem: 16, queue: long}}", []),
    ],
)
def test_dask_can_start_the_workers(check, parallel, found):
    runner = f"{DECODE}\n    parallel: {parallel}"
    assert [pair for pair in report(check, runner=runner) if pair[0] != "R211"] == found
