"""Short names in a group: ``train`` means the stage ``train_lr1e_3`` of the same row."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from espnet3_compiler.syntax.tree import Path
from espnet3_compiler.syntax.unknown_name import format_names

ROW_ADVICE = "write the name of one row, or put what reads it into the group, too"
"""What to do where something outside a group names what stands in it."""

RowNames = Mapping[tuple[str, str], str]
"""For ``("stages", "train")`` the name in a row, for example ``train_lr1e_3``; a name that was
written with a value of the matrix stands for itself."""


class GroupNames:
    """The names that the rows of all groups declare.

    Attributes:
        rows: The names of its row by the owner of a reference, for example
            ``("configs", "tuning_lr1e_3")``.
    """

    def __init__(self, rows: Mapping[Path, RowNames]) -> None:
        self.rows = rows

    def full_name(self, owner: Path, block: str, name: str) -> str:
        """Return the name that a name means where it is used.

        Args:
            owner: The stage, config or model that names another one.
            block: ``stages``, ``configs`` or ``models``.
            name: The name as it is written.
        """
        return self.rows.get(owner, {}).get((block, name), name)

    def base_name(self, config: str, name: str) -> str:
        """Return the config that a config extends; with its own name it is the one outside."""
        full = self.full_name(("configs", config), "configs", name)
        return name if full == config else full

    def row_models(self, stage: str) -> tuple[str, ...]:
        """Return the models of the row that a stage belongs to."""
        mine = self.rows.get(("stages", stage), {})
        return tuple(full for (block, _), full in mine.items() if block == "models")

    def is_grouped(self, block: str, full: str) -> bool:
        """Return whether a name is one that a row declares."""
        return (block, full) in self._written

    def visible_names(self, owner: Path, block: str, known: Iterable[str]) -> list[str]:
        """Return the names that an owner would write: in a group the short ones of its row.

        Args:
            owner: The stage, config or model that names another one.
            block: ``stages``, ``configs`` or ``models``.
            known: All names of the manifest, with those of every row.
        """
        every, mine = dict.fromkeys(known), self.rows.get(owner)
        if mine is None:
            return list(every)
        short = {name: full for (where, name), full in mine.items() if where == block}
        first = [name for name, full in short.items() if name != full and full in every]
        others = [name for name in every if self.written_name(block, name) == name]
        return list(dict.fromkeys([*first, *others]))

    def written_name(self, block: str, full: str) -> str:
        """Return the name as the recipe declares it, in a group without the id of the row."""
        return self._written.get((block, full), full)

    def rows_hint(self, block: str, name: str) -> str | None:
        """Return advice where a name is a short one of a group; None for another name."""
        full = self._short.get((block, name)) or self._numbered_names(block, name)
        if full is None:
            return None
        return f'"{name}" stands in a group, once for every row: {format_names(full)}'

    def _numbered_names(self, block: str, name: str) -> list[str] | None:
        """Return the names that rows made of a name and a value of the matrix, if it is theirs."""
        rows = (where for where, written in self._written.items() if where[1] == written)
        found = [full for where, full in rows if where == block and full.startswith(f"{name}_")]
        return found if len(found) > 1 else None

    @cached_property
    def _written(self) -> Mapping[tuple[str, str], str]:
        """For ``("stages", "train_lr1e_3")``, a name of any row, the name that its group has."""
        found: dict[tuple[str, str], str] = {}
        for names in {id(names): names for names in self.rows.values()}.values():
            for (block, name), full in names.items():
                found.setdefault((block, full), name)
        return found

    @cached_property
    def _short(self) -> Mapping[tuple[str, str], list[str]]:
        """For ``("stages", "train")``, a short name, the names that it has in all rows."""
        found: dict[tuple[str, str], list[str]] = {}
        for (block, full), name in self._written.items():
            if name != full:
                found.setdefault((block, name), []).append(full)
        return found


NO_GROUPS = GroupNames({})
