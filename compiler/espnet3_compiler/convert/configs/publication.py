"""Convert the publication and demo configs."""

import fnmatch
from pathlib import Path

from espnet3_compiler.convert.configs.draft import Block, ConfigDraft, Reasons
from espnet3_compiler.convert.configs.inference import OWN_KIND
from espnet3_compiler.convert.notes import became, left_out, lost
from espnet3_compiler.syntax.read import load_source
from espnet3_compiler.syntax.tree import Plain
from espnet3_schemas.bundles import WIDGETS

STAGE_ARTIFACTS = ("*.token_list}", "*.tokenizer_model}", "*.feats_stats}")
TOKENIZER_FILES = tuple(f"${{data_dir}}/{name}" for name in ("*.model", "*.vocab", "*tokens.txt"))
OF_EXP_DIR = ("inference*", "*.ckpt", "*.pth", "*tensorboard*", "*wandb*", "curves")
UPLOAD_REASON = "uploads are dry runs until you take that line out"
TRUST_REASON = "a demo runs what is more than layers of PyTorch only where it is trusted: true"
ROOT_REASONS: Reasons = {
    "inference_dir": became("${stages.measure.metrics}", "results come from the stages")
}
PACK_REASONS: Reasons = {
    "out_dir": became("${exp_dir}/pack_model/bundle", "each stage has its directory"),
    "allow_overwrite": left_out("a bundle is replaced as a unit"),
    "inference_dir": left_out("ESPnet3 reads the key of this name at the top"),
    "yaml_files": lost("configs are packed by themselves; other YAML files go to files"),
}
DEMO_PACK_REASONS: Reasons = {
    "out_dir": became("${exp_dir}/pack_demo/demo", "each stage has its directory"),
    "readme": lost("the card is built in; its values are under readme_context"),
}
DEMO_UPLOAD_REASONS: Reasons = {
    "repo_type": left_out("it is always a Space"),
    "create": lost("the Space is made for Gradio"),
    "delete_patterns": left_out("an update replaces the demo"),
}


def convert_publication(root: Block) -> ConfigDraft:
    """Return our publication config."""
    draft = ConfigDraft()
    pack = root.take_block("pack_model")
    _convert_include(pack, draft)
    for name in ("files", "readme", "readme_context", "include_model_detail"):
        pack.move_key(draft, name, ("pack_model", name))
    pack.note_rest(PACK_REASONS)
    _convert_upload(root, "upload_model", ("private", "update", "delete_patterns"), {}, draft)
    root.note_root_keys(ROOT_REASONS)
    return draft


def _convert_upload(
    root: Block, block_name: str, names: tuple[str, ...], reasons: Reasons, draft: ConfigDraft
) -> None:
    upload = root.take_block(block_name)
    for name in ("hf_repo", *names):
        upload.move_key(draft, name, (block_name, name))
    if upload.node is not None:
        draft.set_value((block_name, "dry_run"), value=True)
        upload.add_note("hf_repo", became("it with dry_run: true", UPLOAD_REASON))
    upload.note_rest(reasons)


def _convert_include(pack: Block, draft: ConfigDraft) -> None:
    include = pack.value("include")
    kept: list[Plain] = []
    packed: list[Plain] = []
    for path in include if isinstance(include, list) else []:
        patterns = (*TOKENIZER_FILES, *STAGE_ARTIFACTS)
        is_packed = any(fnmatch.fnmatch(str(path), pattern) for pattern in patterns)
        (packed if is_packed else kept).append(path)
    if packed:
        why = "a bundle holds every file that the packed configs name"
        pack.add_note("include", became(f"it without {', '.join(map(str, packed))}", why))
    draft.set_value(("pack_model", "include"), kept, pack.span("include"))
    exclude = pack.raw_value("exclude")
    left: list[Plain] = []
    made: list[Plain] = []
    for pattern in exclude if isinstance(exclude, list) else []:
        is_made = any(fnmatch.fnmatch(str(pattern), one) for one in OF_EXP_DIR)
        (made if is_made else left).append(pattern)
    if made:
        why = "of exp_dir, only the checkpoint that the inference config names is copied"
        pack.add_note("exclude", became(f"it without {', '.join(map(str, made))}", why))
    if left:
        draft.set_value(("pack_model", "exclude"), left, pack.span("exclude"))


def convert_demo(root: Block, directory: Path) -> ConfigDraft:
    """Return our demo config."""
    draft = ConfigDraft()
    model = root.take_block("model")
    for name in ("device", "trust_user_code", "call_args"):
        model.move_key(draft, name, ("model", name))
    if model.look_at("trust_user_code") is not True:
        draft.set_value(("model", "trust_user_code"), value=True)
        model.add_note("trust_user_code", became("true", TRUST_REASON))
    model.note_rest({"dir_or_tag": became("${stages.pack_model.bundle}", "the demo takes it")})
    _convert_ui(root.take_block("ui"), draft, directory)
    pack = root.take_block("pack")
    for name in ("include", "exclude", "requirements", "readme_context"):
        pack.move_key(draft, name, ("pack", name))
    pack.note_rest(DEMO_PACK_REASONS)
    names = ("organization", "private", "update")
    _convert_upload(root, "upload_demo", names, DEMO_UPLOAD_REASONS, draft)
    root.note_root_keys(ROOT_REASONS)
    return draft


def _convert_ui(ui: Block, draft: ConfigDraft, directory: Path) -> None:
    script = ui.value("app_script")
    source = (
        load_source(directory / script, script, directory)[0] if isinstance(script, str) else None
    )
    if source is not None and "espnet3" in source.text:
        why = f"{script} drives ESPnet3's demo session; the built-in app serves the contract"
        ui.add_note("app_script", left_out(why))
    elif source is not None:
        draft.set_value(("ui", "app_script"), script, ui.span("app_script"))
    for name in ("title", "description"):
        ui.move_key(draft, name, ("ui", name))
    for side, widgets in WIDGETS.items():
        types = [item.value("type") for item in ui.items(side)]
        other = [one for one in types if isinstance(one, str) and one not in widgets]
        if other:
            ui.add_note(side, lost(f'"{other[0]}" is registered by a UIAsset: {OWN_KIND}'))
        else:
            ui.move_key(draft, side, ("ui", side))
    ui.note_rest({})
