"""The recipe as frozen, typed values, on which every step after lowering works."""

from collections.abc import Mapping as MappingABC
from functools import cached_property
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

from msgspec import Struct, field

from espnet3_compiler.diagnostics.source import Source, Span
from espnet3_compiler.manifest.group_names import NO_GROUPS, GroupNames
from espnet3_compiler.schema.types import Schema
from espnet3_compiler.signature.library import Library
from espnet3_compiler.syntax.tree import Mapping, Node, Path, Scalar, walk_scalars
from espnet3_schemas import ROLES, load


class ModelDecl(Struct, frozen=True):
    """A model of the manifest: ``name`` is the key's node, ``node`` the raw mapping."""

    name: Scalar
    node: Mapping


class ConfigDecl(Struct, frozen=True):
    """A config of the manifest as declared.

    Attributes:
        name: The key's node.
        extends: The name of the config that this one varies, if any.
        file: The path of its file, relative to the recipe directory, if any.
        inline: Its own keys, without ``extends`` and ``file``; None when declared by path alone.
        complete: False where a part of the declaration could not be read.
    """

    name: Scalar
    extends: Scalar | None
    file: Scalar | None
    inline: Mapping | None
    complete: bool = True


class RoleBinding(Struct, frozen=True):
    """A config that a stage reads in a role; ``written`` is where the manifest names it."""

    role: str
    config: str
    written: Scalar

    @property
    def span(self) -> Span:
        """Where that is."""
        return self.written.span


class StageDecl(Struct, frozen=True):
    """A stage of the manifest; exactly one of ``run`` and ``call`` is set.

    Attributes:
        name: The node of the name (in the short form the item).
        run: The stage kind.
        call: The dotted function of a stage of the recipe.
        configs: Bindings, explicit and by default rule, required roles first.
        model: The model's name, explicit or the manifest's only one; None when not needed.
        init_from: A stage or path whose weights a training stage starts from.
        init_parts: ``:PART:TARGET``, where ``init_from`` says which part goes where.
        needs: Stages that must run before, as the manifest lists them.
        arguments: The ``with`` block of a ``call`` stage.
        outputs: The ``outputs`` block of a ``call`` stage.
        description: One line for ``--list``.
        node: The item.
        spec: What its kind reads and makes; what is known of no kind for a ``call`` stage.
    """

    name: Scalar
    run: Scalar | None
    call: Scalar | None
    configs: tuple[RoleBinding, ...]
    model: Scalar | None
    init_from: Scalar | None
    needs: tuple[Scalar, ...]
    arguments: Mapping | None
    outputs: Mapping | None
    description: str
    node: Node
    spec: MappingABC[str, Any]
    init_parts: str = ""


class ConfigRole(Struct, frozen=True):
    """A role in which stages read a config, as a System declares it.

    Attributes:
        file: The file of its config in a recipe that declares none.
        schema: The JSON Schema of a role of its own; None where any key goes.
        defaults: Keys below those of a recipe's config, of the farthest base class first.
    """

    file: str | None = None
    schema: Schema | None = None
    defaults: tuple[Mapping, ...] = ()


class System(Struct, frozen=True):
    """The chosen System.

    Attributes:
        name: A built-in name or a dotted class, as written.
        class_path: The dotted class.
        kinds: The stage kinds it runs; ``*`` among them where a base class cannot be seen.
        specs: What each kind reads and makes, those of the Systems that ship too.
        own: Those that a class of the recipe defines itself and does not declare: what they read
            and write is unknown.
        varied: Those of them that run the method of the base class with the same context as well:
            they read what it reads, and more.
        renewed: Kinds that have the name of one of another System that ships, and nothing of it.
        roles: The roles that declarations name.
        stages: The kinds that run where a manifest lists no stages.
        files: What declares it: absolute paths, and what a build calls those in packages.
        uncallable: Its methods that a stage cannot run: they take no ``context``; their places.
        log_dirs: ``log_dir`` of kinds as it is written, by kind.
    """

    name: Scalar
    class_path: str
    kinds: tuple[str, ...]
    specs: MappingABC[str, dict[str, Any]]
    own: tuple[str, ...] = ()
    varied: frozenset[str] = frozenset()
    renewed: frozenset[str] = frozenset()
    roles: MappingABC[str, ConfigRole] = MappingProxyType({})
    stages: tuple[Scalar, ...] = ()
    files: MappingABC[FilePath, str | None] = MappingProxyType({})
    uncallable: MappingABC[str, Span] = MappingProxyType({})
    log_dirs: MappingABC[str, Scalar] = MappingProxyType({})

    def has_role(self, role: str) -> bool:
        """Return whether configs in a role are more than free-form ones."""
        return role in ROLES or role in self.roles

    def role_schema(self, role: str) -> Schema:
        """Return the schema of the configs in a role."""
        if role in ROLES:
            return load(role)
        return self.roles[role].schema or {"title": f"{role.capitalize()} config"}


class Recipe(Struct, frozen=True, eq=False, dict=True):
    """A manifest.

    Attributes:
        source: The manifest's text.
        directory: The absolute recipe directory.
        name: ``<corpus>/<task>``.
        system: The System it builds on.
        library: Reads the modules that it can import: one for all steps of a compilation.
        globals: exp_tag, exp_dir and data_dir as raw nodes, defaults included.
        models: In the order of the manifest.
        configs: In the order of the manifest.
        stages: In the order of the manifest.
        complete: False where a part of the manifest was left out because it is wrong; what seems
            unused or missing may then be a consequence, so checks for absences report nothing.
        names_complete: False where a name under ``models`` or ``configs`` could not be read: a
            name that seems unknown may be declared there.
        rows: The row of a matrix that a stage, config or model belongs to, by its owner, for
            example ``("stages", "tune_1")``.
        group_names: What short names mean in the groups of the manifest.
        root: The folder that files must lie in, links followed, if not in the recipe directory.
    """

    source: Source
    directory: FilePath
    name: Scalar
    system: System
    library: Library
    globals: Mapping
    models: tuple[ModelDecl, ...]
    configs: tuple[ConfigDecl, ...]
    stages: tuple[StageDecl, ...]
    complete: bool = True
    names_complete: bool = True
    rows: MappingABC[Path, Mapping] = field(default_factory=dict)
    group_names: GroupNames = NO_GROUPS
    root: FilePath | None = None

    @cached_property
    def stages_by_name(self) -> MappingABC[str, StageDecl]:
        """The stages by their names, in the order of the manifest."""
        return {str(stage.name.value): stage for stage in self.stages}

    def scalars_of(self, tree: Mapping) -> list[tuple[Path, Scalar]]:
        """Return what ``walk_scalars`` finds in a tree after resolution: several ask for it."""
        key = "scalars", id(tree)
        if key not in self.library.memo:
            self.library.memo[key] = tree, walk_scalars(tree)
        scalars: list[tuple[Path, Scalar]] = self.library.memo[key][1]
        return scalars

    @cached_property
    def stages_by_kind(self) -> MappingABC[str | None, tuple[StageDecl, ...]]:
        """The stages by the kinds that they run, those that call a function under None."""
        kinds: dict[str | None, tuple[StageDecl, ...]] = {}
        for stage in self.stages:
            kind = str(stage.run.value) if stage.run else None
            kinds[kind] = (*kinds.get(kind, ()), stage)
        return kinds


class Composed(Struct, frozen=True):
    """A config after ``schema defaults <- extends <- file <- inline <- --set``, not yet resolved.

    Attributes:
        name: The config's name.
        role: training, inference, metrics, publication, demo; None for a free-form config.
        node: The merged mapping; every leaf keeps its own span.
        history: For a path, the nodes that were replaced there, the latest last.
        sources: The files that were read, in order.
        bases: The configs that it extends, the farthest first.
        complete: False where a file or base of it could not be read: a missing key may then be a
            consequence.
    """

    name: str
    role: str | None
    node: Mapping
    history: MappingABC[Path, tuple[Node, ...]]
    sources: tuple[Source, ...]
    bases: tuple[str, ...] = ()
    complete: bool = True


class Reference(Struct, frozen=True):
    """One ``${…}``.

    Attributes:
        owner: The root that holds it: ``("configs", name)``, ``("models", name)``,
            ``("stages", name)`` or ``("globals",)``.
        path: The path of the leaf inside the root.
        target: The absolute path, for example ``("stages", "train", "best_checkpoint")``
            or ``("configs", "training", "tokenizer", "vocab_size")``; ``("oc.env", "HOME")``.
        span: The ``${…}`` in the raw text.
    """

    owner: Path
    path: Path
    target: Path
    span: Span


class Resolved(Struct, frozen=True, eq=False):
    """Everything after resolution; only late references remain as ``${…}`` texts.

    Attributes:
        globals: recipe, recipe_dir, exp_tag, exp_dir, data_dir.
        configs: Composed configs by name.
        models: Model nodes by name.
        calls: For each ``call`` stage a mapping of ``with`` and ``outputs``.
        references: Every reference, in the order of the text.
        init_from: The resolved ``init_from`` of the stages that have one.
        sources: Files that resolvers read, in order.
        environment: Variables of the environment that ``globals`` hold; None for unset ones.
        incomplete: Configs of which a file or base could not be read: a key that is missing in
            them may be a consequence.
        invalid: Configs with unknown keys or values of a wrong type: likewise.
        memo: What several checks find in these values, by name.
    """

    globals: MappingABC[str, str]
    configs: MappingABC[str, Mapping]
    models: MappingABC[str, Mapping]
    calls: MappingABC[str, Mapping]
    references: tuple[Reference, ...]
    init_from: MappingABC[str, Scalar] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    environment: MappingABC[str, str | None] = field(default_factory=dict)
    incomplete: frozenset[str] = frozenset()
    invalid: frozenset[str] = frozenset()
    memo: dict[Any, Any] = field(default_factory=dict)

    def is_certain(self, config: str) -> bool:
        """Return whether a key that is missing in a config is certainly not given."""
        return config not in self.incomplete and config not in self.invalid
