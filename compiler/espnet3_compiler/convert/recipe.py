"""Read an ESPnet3 recipe and translate its configs, before they are written to files."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from espnet3_compiler.convert.configs import inference, metrics, models, publication, training
from espnet3_compiler.convert.configs.artifacts import (
    INFERENCE_DIR,
    Artifacts,
    StageNames,
    build_artifacts,
    translate_target,
)
from espnet3_compiler.convert.configs.draft import Block, ConfigDraft, ConversionContext
from espnet3_compiler.convert.dataset_code import note_sharded_dataset
from espnet3_compiler.convert.launched.stage_work import KIND_ROLES
from espnet3_compiler.convert.launched.system import LaunchedSystem, find_system
from espnet3_compiler.convert.load import RecipeReader
from espnet3_compiler.convert.notes import Notes, became, lost
from espnet3_compiler.convert.roles import RoleFile, claimed_files, find_config_files
from espnet3_compiler.convert.stage_configs import StageConfig, convert_stage_configs
from espnet3_compiler.convert.values import Interpolator
from espnet3_compiler.diagnostics.diagnostic import Diagnostic
from espnet3_compiler.syntax.tree import Mapping as Tree
from espnet3_compiler.syntax.tree import Scalar

FOLDERS = {
    "recipe_dir": ".",
    "data_dir": "data",
    "exp_dir": "exp/${exp_tag}",
    "stats_dir": "exp/stats",
    "inference_dir": "exp/${exp_tag}/inference",
}


class ConvertedConfig(Struct, frozen=True):
    """A config of ours and the file that it comes from.

    Attributes:
        file: The file.
        draft: Our config.
        name: Its name in the manifest.
        model: The model of a training config.
        settings: What a training config says for the manifest: ``data_dir`` and so on.
    """

    file: RoleFile
    draft: ConfigDraft
    name: str
    model: ConfigDraft | None = None
    settings: dict[str, str] = field(default_factory=dict)


class ConvertedRecipe(Struct, frozen=True):
    """The translated configs of a recipe.

    Attributes:
        name: ``<corpus>/<task>``.
        launched: The System of ESPnet3.
        trainings: The main training config, then its variants: each makes a manifest.
        phases: The configs of roles of the System's own that a stage kind of ours reads.
        others: Configs of the other roles, the main one of each role first.
        stage_configs: What methods of the System's own read.
        found: The mistakes in the YAML of the files.
    """

    name: str
    launched: LaunchedSystem
    trainings: tuple[ConvertedConfig, ...]
    phases: tuple[ConvertedConfig, ...]
    others: dict[str, tuple[ConvertedConfig, ...]]
    stage_configs: tuple[StageConfig, ...]
    found: tuple[Diagnostic, ...] = ()

    @property
    def has_own_stages(self) -> bool:
        """Whether the System has stages that are no stage kinds of ours."""
        return any(stage.work is None for stage in self.launched.stages)

    def every_config(self) -> list[ConvertedConfig]:
        """Return all configs."""
        others = [config for configs in self.others.values() for config in configs]
        return [*self.trainings, *self.phases, *others]


def read_recipe(directory: Path, notes: Notes) -> ConvertedRecipe:
    """Read and translate the configs of a recipe directory.

    Args:
        directory: The recipe of ESPnet3.
        notes: Collects what becomes of each key.
    """
    launched = find_system(directory, notes)
    note_sharded_dataset(directory, notes)
    reader = RecipeReader(directory, notes, launched.template)
    files, without_role = find_config_files(directory)
    claimed = claimed_files(_own_roles(launched), files, without_role, notes, launched)
    files = [file for file in files if file.path not in {one.path for one in claimed.values()}]
    taken = {one.path for one in claimed.values()}
    for path in without_role:
        if path not in taken:
            why = "neither its name nor its content says its role, and no stage has it"
            reader.read_unread(path)
            notes.add_file(path.relative_to(directory).as_posix(), lost(why))
    read = {file: root for file in files if (root := reader.read(file.path, file.role))}
    own = {name: (file, reader.read(file.path, name, file.role)) for name, file in claimed.items()}
    translator = _Translator(directory, _recipe_name(directory), notes, launched)
    return replace(
        translator.translate_recipe(read, {n: (f, r) for n, (f, r) in own.items() if r}),
        found=tuple(reader.found),
    )


def _recipe_name(directory: Path) -> str:
    names = (directory.resolve().parent.name, directory.resolve().name)
    clean = [re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "recipe" for name in names]
    return "/".join(part if part[0] not in "-." else f"_{part}" for part in clean)


def _own_roles(launched: LaunchedSystem) -> dict[str, str | None]:
    """Return the roles that the System has besides those of ESPnet3, and whose translation fits."""
    found: dict[str, str | None] = {}
    for stage in launched.stages:
        if stage.work and stage.work.role != KIND_ROLES[stage.work.kind]:
            found[stage.work.role] = KIND_ROLES[stage.work.kind]
        for role in stage.reads:
            found.setdefault(role, None)
    if launched.main_role() != "training":
        found.setdefault(launched.main_role(), "training")
    return {role: kind for role, kind in found.items() if role not in KIND_ROLES.values()}


Roots = Mapping[RoleFile, Tree]


class _Translator(Struct):
    """Translates the configs of one recipe, called ``name``."""

    directory: Path
    name: str
    notes: Notes
    launched: LaunchedSystem

    def translate_recipe(
        self, read: Roots, own: Mapping[str, tuple[RoleFile, Tree]]
    ) -> ConvertedRecipe:
        """Translate the files by role, and those of roles of the System's own by their names."""
        phases = [(name, *pair) for name, pair in own.items() if pair[0].role == "training"]
        phases.sort(key=lambda phase: phase[0] != self.launched.main_role())
        files = [("training", file, root) for file, root in read.items() if file.role == "training"]
        has_main = bool(phases) and phases[0][0] == self.launched.main_role()
        ordered = [*phases[:has_main], *files, *phases[has_main:]]
        artifacts = self._artifacts_of(ordered)
        made = [
            self.training_config(name, file, root, one)
            for (name, file, root), one in zip(ordered, artifacts, strict=True)
        ]
        count = has_main + len(files)
        for config, (_, _, root) in zip(made[count:], ordered[count:], strict=True):
            _note_settings(config, made[0], root, self.notes)
        known = artifacts[0] if artifacts else build_artifacts(FOLDERS, None, {})
        others = {role: tuple(self._others(role, read, known)) for role in OTHER_ROLES}
        named = [
            ConvertedConfig(
                file, self._translate(file.role, self.other_block(file, root, known)), name
            )
            for name, (file, root) in own.items()
            if file.role in OTHER_ROLES
        ]
        roots = {name: (file, root) for name, file, root in reversed(ordered)}
        roots |= {file.role: (file, root) for file, root in reversed(list(read.items()))} | dict(
            own
        )
        stage_configs = convert_stage_configs(
            self.launched,
            {role: self.block(file, root, known) for role, (file, root) in roots.items()},
            self.notes,
        )
        return ConvertedRecipe(
            self.name,
            self.launched,
            tuple(made[:count]),
            (*made[count:], *named),
            others,
            stage_configs,
        )

    def _others(self, role: str, read: Roots, known: Artifacts) -> list[ConvertedConfig]:
        return [
            ConvertedConfig(file, self._translate(role, self.other_block(file, root, known)), role)
            for file, root in read.items()
            if file.role == role
        ]

    def _translate(self, role: str, block: Block) -> ConfigDraft:
        if role == "demo":
            return publication.convert_demo(block, self.directory)
        return TRANSLATIONS[role](block)

    def block(
        self, file: RoleFile, root: Tree, artifacts: Artifacts, notes: Notes | None = None
    ) -> Block:
        notes = self.notes if notes is None else notes
        folder = file.path.parent.relative_to(self.directory).as_posix()
        values = Interpolator(root, file.path.stem, folder, notes)

        def target(path: str) -> str:
            return translate_target(path, self.name)

        return Block(root, (), ConversionContext(values, artifacts, notes, target))

    def _artifacts_of(self, trainings: list[tuple[str, RoleFile, Tree]]) -> list[Artifacts]:
        """Return the artifacts of each training config; all know all experiments."""
        made = []
        for name, file, root in trainings:
            plain = self.block(file, root, Artifacts(FOLDERS), Notes())
            folders = dict(FOLDERS)
            for key in ("data_dir", "exp_dir", "stats_dir"):
                if value := plain.raw_value(key):
                    folders[key] = plain.context.artifacts.normalize_path(str(value))
            folders["inference_dir"] = f"{folders['exp_dir']}/inference"
            tokenizer = plain.raw_value("tokenizer")
            given = tokenizer if isinstance(tokenizer, dict) else None
            made.append(build_artifacts(folders, given, self._stage_names(name)))
        stages = {
            self._experiment(one, file, root): one.names.get("train", "train")
            for one, (name, file, root) in zip(made, trainings, strict=True)
            if name != "training" or self.launched.main_role() == "training"
        }
        if len(set(stages.values())) < len(stages):  # variants: a manifest of its own each
            stages = {}
        return [replace(one, trained=stages) for one in made]

    def _experiment(self, one: Artifacts, file: RoleFile, root: Tree) -> str:
        plain = self.block(file, root, one, Notes())
        return one.folders["exp_dir"].replace("${exp_tag}", str(plain.raw_value("exp_tag")))

    def _stage_names(self, role: str) -> StageNames:
        """Return the stages that work with the config of a role, else with any, by their kinds."""
        works = [(stage.work, stage.name) for stage in self.launched.stages if stage.work]
        every = {work.kind: name for work, name in reversed(works)}
        own = {work.kind: name for work, name in reversed(works) if work.role == role}
        return every | own

    def training_config(
        self, name: str, file: RoleFile, root: Tree, artifacts: Artifacts
    ) -> ConvertedConfig:
        """Return a training config with its model and settings.

        Args:
            name: Its name in the manifest.
            file: The file.
            root: Its keys, those of the template included.
            artifacts: What its stages make.
        """
        block = self.block(file, root, artifacts)
        folders = artifacts.folders
        changed = [key for key in ("data_dir", "exp_dir") if folders[key] != FOLDERS[key]]
        settings = {key: folders[key] for key in changed}
        tag = root.get("exp_tag")
        if isinstance(tag, Scalar) and tag.span.source.kind == "file" and tag.value:
            given = block.raw_value("exp_tag")
            if tag.value != "${self_name:}" and isinstance(given, str):
                settings["exp_tag"] = given
        draft = training.convert_training(block)
        model = models.convert_model(Block(root, (), block.context), draft)
        return ConvertedConfig(file, draft, name, model, settings)

    def other_block(self, file: RoleFile, root: Tree, known: Artifacts) -> Block:
        """Return the content of a config of another role than training."""
        plain = self.block(file, root, Artifacts(known.folders), Notes())
        value = plain.raw_value("inference_dir")
        paths = dict(known.known)
        if isinstance(value, str):
            paths[plain.context.artifacts.normalize_path(value)] = INFERENCE_DIR
        return self.block(file, root, replace(known, known=paths))


def _note_settings(
    config: ConvertedConfig, main: ConvertedConfig, root: Tree, notes: Notes
) -> None:
    """Note what a second training config of a manifest says for all of it.

    Args:
        config: The config.
        main: The first one, whose settings are those of the manifest.
        root: The keys of the config.
        notes: Takes the notes.
    """
    for name in ("exp_tag", "exp_dir", "data_dir"):
        entry, value = root.entry(name), main.settings.get(name, FOLDERS.get(name, ""))
        if entry is None or config.settings.get(name, FOLDERS.get(name, "")) == value:
            continue
        why = f"the manifest has one {name}, that of {main.name}"
        outcome = became("${exp_dir}/<stage>", f"{why}; each stage has its directory in it")
        notes.add(entry.key.span, lost(why) if name == "data_dir" else outcome)


TRANSLATIONS: dict[str, Callable[[Block], ConfigDraft]] = {
    "inference": inference.convert_inference,
    "metrics": metrics.convert_metrics,
    "publication": publication.convert_publication,
}
OTHER_ROLES = (*TRANSLATIONS, "demo")
