"""Checks of whole recipes: what is told, what is a consequence, what stays silent."""

import pytest

from espnet3_compiler.diagnostics.codes import CODES
from espnet3_compiler.pipeline import compile_manifest
from tests.compiler.checks.checks_kit import CONFIGS, HEAD


def test_a_good_recipe_is_silent(check):
    assert check(HEAD + CONFIGS + "stages: [create_dataset, train, infer]\n") == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("modles:", "models:"),
        ("confgs:", "configs:"),
        ("stagess:", "stages:"),
        ("sytem:", "system:"),
    ],
)
def test_a_misspelt_key_of_the_manifest_is_one_finding(check, wrong, right):
    text = HEAD + CONFIGS + "stages: [create_dataset, train, infer]\n"
    assert check(text.replace(right, wrong)) == [("R601", wrong[:-1])]


@pytest.mark.parametrize(
    ("stage", "found"),
    [
        ("{name: train, cofnig: training}", ("R601", "cofnig")),
        ("{name: train, run: [train]}", ("R602", "[train]")),
        ("{name: train, run: train, config: 3}", ("R602", "3")),
        ("{name: train, run: train, model: [net]}", ("R602", "[net]")),
        ("{name: train, run: train, 7: seven}", ("R106", "7")),
        ("{name: train, run: train, config: *nothing}", ("R110", "*nothing")),
        ("{name: *nothing, run: train}", ("R110", "*nothing")),
        ("{name: train, call: nowhere}", ("R606", "nowhere")),
        ("{nam: train}", ("R601", "nam")),
        ("{run: train}", ("R603", "run")),
        ("3", ("R602", "3")),
    ],
)
def test_a_stage_that_cannot_be_read_has_no_consequences(check, stage, found):
    """Its checkpoint is read by inference, its config by nobody else."""
    result = check(HEAD + CONFIGS + f"stages: [create_dataset, {stage}, infer]\n")
    assert [code for code, _ in result] == [found[0]]
    assert result[0][1] == found[1] or found[0] == "R603"


def test_a_config_file_that_is_missing_has_no_consequences(check):
    text = HEAD + CONFIGS.split("  inf", maxsplit=1)[0] + "  inference: conf/inference.yaml\n"
    stages = "stages: [create_dataset, train, infer, measure]\n"
    metric = "{metric: {_target_: builtins.len}, inputs: {a: text}}"
    metrics = f"  metrics: {{metrics: [{metric}]}}\n"
    assert check(text + metrics + stages) == [("R701", "conf/inference.yaml")]


def test_a_value_that_is_wrong_at_home_is_told_at_home(check):
    text = HEAD.replace("size: 8", 'size: "${configs.training.tokenizer.vocab_size}"')
    text += CONFIGS.replace("{dataset", "{tokenizer: {vocab_size: ten}, dataset", 1)
    assert check(text + "stages: [train_tokenizer, train, infer]\n") == [("R602", "ten")]


def test_statistics_without_features_need_no_statistics(check):
    text = HEAD.replace("size: 8", 'size: 8, stats: "${stages.collect_stats.feats_stats}"')
    stages = "stages: [collect_stats, train, infer]\n"
    result = check(text + CONFIGS + stages)
    assert result == [("R403", "${stages.collect_stats.feats_stats}")]
    slip = CONFIGS.replace(
        "{dataset", "{collect_stats: {featuers: {_target_: src.model.Net, size: 1}}, dataset", 1
    )
    assert check(text + slip + stages) == [("R601", "featuers")]


def test_a_reference_to_a_misspelt_key_is_no_second_finding(check):
    text = HEAD.replace("size: 8", "szie: 8")
    text += CONFIGS.replace("{dataset", '{seed: "${models.net.size}", dataset', 1)
    assert check(text + "stages: [train, infer]\n") == [("R502", "szie")]


def test_one_stage_in_a_wrong_place_is_one_finding(check):
    text = HEAD.replace("size: 8", 'size: 8, stats: "${stages.collect_stats.feats_stats}"')
    text += CONFIGS.replace(
        "{dataset", "{collect_stats: {features: {_target_: src.model.Net, size: 1}}, dataset", 1
    )
    result = check(text + "stages: [infer, create_dataset, collect_stats, train]\n")
    assert result == [("R402", "infer")]
    result = check(text + "stages: [create_dataset, train, infer, collect_stats]\n")
    assert result == [("R402", "collect_stats")]


def test_settings_are_idle_only_where_they_are(check):
    """The base has no scheduler, the variation does: its interval comes from the base."""
    text = HEAD + CONFIGS.replace("{dataset", "{scheduler_interval: epoch, dataset", 1)
    text += """\
  stepped:
    extends: training
    scheduler: {_target_: torch.optim.lr_scheduler.StepLR, step_size: 3}
stages:
  - train
  - {name: train_stepped, run: train, config: stepped}
  - infer
"""
    assert [code for code, _ in check(text)] == []


def test_overrides_that_no_stage_reads(check):
    text = HEAD + CONFIGS.replace("{dataset", "{tokenizer: {vocab_size: 9}, dataset", 1)
    text += """\
  small: {extends: training, tokenizer: {vocab_size: 5}}
stages:
  - train_tokenizer
  - train
  - {name: train_small, run: train, config: small}
  - infer
"""
    assert check(text) == [("R804", "5")]


def test_a_reference_makes_a_key_count(check):
    text = HEAD.replace("size: 8", 'size: "${configs.training.tokenizer.vocab_size}"')
    text += CONFIGS.replace("{dataset", "{tokenizer: {vocab_size: 9}, dataset", 1)
    assert check(text + "stages: [train, infer]\n") == []


def test_an_own_inference_model_needs_no_checkpoint(check):
    text = HEAD + CONFIGS.replace(
        "checkpoint: ${stages.train.best_checkpoint}", "model: {_target_: torch.nn.Identity}"
    )
    assert check(text + "stages: [train, infer]\n") == []


def test_a_provider_of_the_recipe_needs_no_checkpoint(check):
    provider = "def load(model=None, checkpoint=None, device=None): ...\n"
    text = HEAD + CONFIGS.replace(
        "checkpoint: ${stages.train.best_checkpoint}", "provider: {_target_: src.load.load}"
    )
    assert check(text + "stages: [train, infer]\n", {"src/load.py": provider}) == []


def test_files_that_stages_make_are_not_missing(check):
    text = HEAD + CONFIGS.replace(
        "${stages.train.best_checkpoint}", "${exp_dir}/train/epoch=3.ckpt"
    )
    assert check(text + "stages: [train, infer]\n") == []
    text = HEAD + CONFIGS.replace("${stages.train.best_checkpoint}", "weights/old.ckpt")
    assert check(text + "stages: [train, infer]\n") == [("R701", "weights/old.ckpt")]
    assert check(text + "stages: [train, infer]\n", {"weights/old.ckpt": ""}) == []


def test_bases_in_files_are_in_use(check):
    files = {
        "conf/base.yaml": "seed: 3\n",
        "conf/training.yaml": "extends: base\ndataset: {train: [{}]}\n",
    }
    text = HEAD + "configs:\n  base: conf/base.yaml\n  training: conf/training.yaml\n"
    assert check(text + "stages: [train]\n", files) == []


def test_k_mistakes_of_k_families_give_k_findings(check):
    text = (
        HEAD.replace("size: 8", "size: 8, stat: 1")
        + CONFIGS.replace("{dataset", "{seed: -1, trainer: {max_epochs: 0}, dataset", 1)
        .replace("best_checkpoint", "best_chekpoint")
        .replace("output_keys: [text]", "batch_size: many")
        + "  left: {a: 1}\n"
        + "stages:\n  - create_dataset\n  - {name: train, needs: [craete_dataset]}\n  - infer\n"
        + "  - {name: export, run: exprot}\n"
    )
    codes = sorted(code for code, _ in check(text))
    assert codes == ["R205", "R401", "R404", "R502", "R602", "R605"]


def test_codes_are_numbered_once_and_named_once():
    assert len({code.number for code in CODES}) == len(CODES)
    assert len({code.name for code in CODES}) == len(CODES)


def test_an_undeclared_config_is_told_once(check):
    text = HEAD.replace("size: 8", 'size: "${configs.gone.size}"') + CONFIGS.replace(
        "  inference:\n", "  inference:\n    extends: gone\n"
    )
    stages = "stages: [{name: train, config: gone}, {name: again, run: train, config: gone}, infer]"
    assert [code for code, _ in check(text + stages + "\n") if code != "R207"] == ["R204"]


def test_an_undeclared_stage_is_told_once(check):
    text = HEAD + CONFIGS.replace("stages.train.", "stages.fit_model.")
    stages = "stages: [train, {name: infer, needs: [fit_model]}]\n"
    assert check(text + stages) == [("R205", "fit_model")]


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("models:\n", ""),
        ("configs:\n", ""),
        ("  net:", "net:"),
        ("  training:", "training:"),
        ("  inference:", "inference:"),
        ("    checkpoint:", "checkpoint:"),
    ],
)
def test_a_broken_layout_has_few_consequences(check, line, instead):
    text = HEAD + CONFIGS + "stages: [create_dataset, train, infer]\n"
    assert line in text
    codes = [code for code, _ in check(text.replace(line, instead, 1))]
    assert 1 <= len(codes) <= 3
    assert set(codes) <= {"R101", "R601", "R602", "R603"}


@pytest.mark.parametrize(
    ("written", "begins", "meant"),
    [
        ("${exp_dir}/trai/trained.ckpt", "trai/trained.ckpt", "train"),
        ("${exp_dir}/train/bets.ckpt", "bets.ckpt", "best.ckpt"),
    ],
)
def test_a_wrong_part_of_a_checkpoint_is_mended_in_its_place(check, written, begins, meant):
    text = HEAD + "exp_dir: exp/trai\n" + CONFIGS + "stages: [create_dataset, train, infer]\n"
    text = text.replace("${stages.train.best_checkpoint}", written)
    assert [code for code, _ in check(text)] == ["R411"]
    (finding,) = compile_manifest(check.manifest).diagnostics
    (edit,) = finding.fix.edits
    assert edit.span.source.text[edit.span.start :].startswith(begins)
    assert edit.text == meant


def test_a_list_that_is_fetched_is_not_mended_where_it_is_right(check):
    wrong = "best_model_criterion: '${configs.usual.best}'"
    configs = CONFIGS.replace("training: {", f"training: {{{wrong}, ")
    configs += "  usual: {best: [valid/loss, 2, min]}\n"
    assert [code for code, _ in check(HEAD + configs + "stages: [train, infer]\n")] == ["R602"]
    (finding,) = compile_manifest(check.manifest).diagnostics
    assert finding.fix is None


def test_what_named_schedulers_watch_is_checked(check):
    step = "{_target_: torch.optim.lr_scheduler.StepLR, step_size: 1}"
    adam = "{optimizer: {_target_: torch.optim.Adam}, params: size}"
    named = (
        f"optimizers: {{a: {adam}}}, schedulers: {{a: {{scheduler: {step}, monitor: val_loss}}}}"
    )
    configs = CONFIGS.replace("training: {", f"training: {{{named}, ")
    assert check(HEAD + configs + "stages: [train, infer]\n") == [("R412", "val_loss")]


def test_a_function_that_is_called_later_may_be_partial(check):
    node = "dataloader: {collate_fn: {_target_: src.collate.padded}}"
    configs = CONFIGS.replace("training: {", f"training: {{{node}, ")
    files = {"src/collate.py": "def padded(items): ...\n"}
    text = HEAD + configs + "stages: [train, infer]\n"
    assert [code for code, _ in check(text, files)] == ["R503"]
    (finding,) = compile_manifest(check.manifest).diagnostics
    assert finding.help == ("if items comes with each call, write _partial_: true beside _target_",)
    assert check(text.replace("padded}", "padded, _partial_: true}"), files) == []


def test_arguments_inside_a_value_of_a_wrong_type_are_no_second_finding(check):
    node = "scheduler: [{_target_: torch.optim.lr_scheduler.StepLR}]"
    configs = CONFIGS.replace("training: {", f"training: {{{node}, ")
    assert [code for code, _ in check(HEAD + configs + "stages: [train, infer]\n")] == ["R602"]


def test_an_inherited_key_that_excludes_another_can_be_deleted(check):
    adam = "{_target_: torch.optim.Adam}"
    named = f"optimizers: {{a: {{optimizer: {adam}, params: size}}}}"
    configs = CONFIGS.replace("training: {", f"training: {{optimizer: {adam}, ")
    configs += f"  several: {{extends: training, {named}}}\n"
    stages = "stages: [train, {name: again, run: train, config: several}, infer]\n"
    assert [code for code, _ in check(HEAD + configs + stages)] == ["R607"]
    (finding,) = compile_manifest(check.manifest).diagnostics
    assert '"~optimizer:"' in finding.help[0]


def test_a_missing_argument_explains_references_to_itself_only(check):
    text = HEAD.replace(", size: 8", "") + CONFIGS + "stages: [train, infer]\n"
    own = text.replace("training: {", "training: {num_threads: '${models.net.size}', ")
    assert [code for code, _ in check(own)] == ["R503"]
    other = text.replace("training: {", "training: {num_threads: '${configs.inference.size}', ")
    assert [code for code, _ in check(other)] == ["R503", "R301"]


def test_a_tab_in_the_manifest_hides_a_misspelt_output_until_it_is_gone(check):
    text = HEAD + CONFIGS.replace("best_checkpoint", "best_chekpoint") + "stages: [train, infer]\n"
    tabbed = text.replace("    output_keys", "\toutput_keys")
    assert [code for code, _ in check(tabbed)] == ["R112"]
    assert [code for code, _ in check(text)] == ["R404"]
