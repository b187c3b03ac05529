"""The decisions that only people can take (DESIGN section 6), with defaults, read from TOML."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, cast

from apelschema.errors import CannotRun
from apelschema.names import LISTED_TYPES, SI2K

Factor = Literal["released", "keep-old"]
Unlisted = Literal["block", "released", "keep-old"]

_SINCE = re.compile(r"since (\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Policy:
    """What people decided about benchmark types and about how far back published figures may change.

    ``unlisted_types`` holds for types other than HEPSPEC, si2k and HEPscore23 that carry a level and a duration;
    ``types`` names single ones (lower case); ``backfill`` is ``all``, ``none`` or ``since YYYY-MM``.
    """

    unlisted_types: Unlisted = "block"
    backfill: str = "all"
    types: dict[str, Factor] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | None) -> Self:
        """Read a policy file; without one, the defaults. Raises CannotRun for anything it does not know."""
        if path is None:
            return cls()
        try:
            return cls.from_mapping(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CannotRun(f"The policy file {path} cannot be read: {error}.") from error

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Self:
        """Check and take the keys of a policy document; raises CannotRun naming the key that is wrong."""
        unknown = set(values) - {"unlisted_types", "backfill", "types"}
        if unknown:
            raise CannotRun(
                f"The policy has unknown keys: {', '.join(sorted(unknown))}.",
                hint="Known are unlisted_types, backfill and the table [types].",
            )
        unlisted = _one_of("unlisted_types", values.get("unlisted_types", "block"), ("block", "released", "keep-old"))
        backfill = values.get("backfill", "all")
        if not isinstance(backfill, str) or (backfill not in ("all", "none") and not _SINCE.fullmatch(backfill)):
            raise CannotRun(f"The policy's backfill is {backfill!r}.", hint='Use "all", "none" or "since YYYY-MM".')
        return cls(cast(Unlisted, unlisted), backfill, _types(values.get("types", {})))

    @property
    def since(self) -> tuple[int, int] | None:
        """First (year, month) whose figures may change; None when there is no such limit."""
        found = _SINCE.fullmatch(self.backfill)
        return (int(found[1]), int(found[2])) if found else None

    @property
    def changes_figures(self) -> bool:
        """Whether any published figure may change at all."""
        return self.backfill != "none"

    def old_factor(self) -> tuple[bool, tuple[str, ...]]:
        """Which types, lower case, keep level / 250: ``(True, names)`` these, ``(False, names)`` all but these.

        si2k is always among them (semantics.md section 4 item 4).
        """
        if self.unlisted_types == "keep-old":
            released = {name for name, factor in self.types.items() if factor == "released"}
            return False, tuple(sorted(released | {name for name in LISTED_TYPES if name != SI2K}))
        return True, tuple(sorted({SI2K} | {name for name, factor in self.types.items() if factor == "keep-old"}))

    def names(self, benchmark_type: str) -> bool:
        """Whether this type's factor is decided: listed, named, or covered by ``unlisted_types``."""
        lower = benchmark_type.strip().lower()
        return self.unlisted_types != "block" or lower in LISTED_TYPES or lower in self.types

    def to_json(self) -> str:
        """The text that the journal keeps: equal policies give equal texts."""
        return json.dumps(
            {"unlisted_types": self.unlisted_types, "backfill": self.backfill, "types": self.types},
            sort_keys=True,
        )


def _types(values: Any) -> dict[str, Factor]:
    if not isinstance(values, dict):
        raise CannotRun("The policy's types is not a table.", hint='Write [types] and below it name = "released".')
    checked = {}
    for name, factor in values.items():
        lower = name.strip().lower()
        if "\\" in name:
            raise CannotRun(
                f"The policy names {name!r}, with a backslash.",
                why="Servers do not show such a text as it was sent, so the routines would not be recognised.",
            )
        if lower in LISTED_TYPES:
            raise CannotRun(f"The policy names {name}, whose factor is fixed.", hint="Take it out of [types].")
        checked[lower] = cast(Factor, _one_of(f"types.{name}", factor, ("released", "keep-old")))
    return checked


def _one_of(key: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise CannotRun(f"The policy's {key} is {value!r}.", hint=f"Use one of {', '.join(allowed)}.")
    return str(value)
