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

_SINCE = re.compile(r"since (\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_NOT_NAMED = "not named"
_BACKFILLS = '"all", "none" or "since YYYY-MM"'


@dataclass(frozen=True)
class Policy:
    """What people decided about benchmark types and about how far back published figures may change.

    ``unlisted_types`` holds for types other than HEPSPEC, si2k and HEPscore23 that carry a level and a duration;
    ``types`` names single ones (lower case); ``backfill`` is ``all``, ``none`` or ``since YYYY-MM``. Blanks before a
    name count, as they do to the server.
    """

    unlisted_types: Unlisted = "block"
    backfill: str = "all"
    types: dict[str, Factor] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | None) -> Self:
        """Read a policy file; without one, the defaults. Raises CannotRun for anything it does not know, by line."""
        if path is None:
            return cls()
        try:
            text = path.read_text(encoding="utf-8-sig")
            return cls.from_mapping(tomllib.loads(text))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CannotRun(f"The policy file {path} cannot be read: {error}.") from error
        except _WrongKey as error:
            raise CannotRun(f"{error.what[:-1]} ({_place(path, text, error.key)}).", hint=error.hint) from error

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Self:
        """Check and take the keys of a policy document; raises CannotRun naming the key that is wrong."""
        unknown = sorted(set(values) - {"unlisted_types", "backfill", "types"})
        if unknown:
            raise _WrongKey(
                unknown[0],
                f"The policy has unknown keys: {', '.join(unknown)}.",
                "Known are unlisted_types, backfill and the table [types].",
            )
        unlisted = _one_of("unlisted_types", values.get("unlisted_types", "block"), ("block", "released", "keep-old"))
        backfill = values.get("backfill", "all")
        if not isinstance(backfill, str) or (backfill not in ("all", "none") and not _SINCE.fullmatch(backfill)):
            raise _WrongKey("backfill", f"The policy's backfill is {backfill!r}.", f"Use {_BACKFILLS}.")
        return cls(cast(Unlisted, unlisted), backfill, _types(values.get("types", {})))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The policy of a text that ``to_json`` gave."""
        return cls.from_mapping(json.loads(text))

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

    @property
    def decided(self) -> tuple[str, ...] | None:
        """Names, lower case, of the types whose factor is decided; None when that is so of all."""
        return tuple(sorted({*LISTED_TYPES, *self.types})) if self.unlisted_types == "block" else None

    def differences(self, other: Self) -> list[tuple[str, str, str]]:
        """What two policies say otherwise: the key in words, what this one says, what the other says."""
        found = [
            ("unlisted types", self.unlisted_types, other.unlisted_types),
            ("backfill", self.backfill, other.backfill),
            *(
                (f'type "{name}"', self.types.get(name, _NOT_NAMED), other.types.get(name, _NOT_NAMED))
                for name in sorted(self.types.keys() | other.types.keys())
            ),
        ]
        return [(key, mine, theirs) for key, mine, theirs in found if mine != theirs]

    def __str__(self) -> str:
        named = [f'"{name}" {factor}' for name, factor in sorted(self.types.items())]
        return ", ".join([f"unlisted types {self.unlisted_types}", f"backfill {self.backfill}", *named])

    def to_mapping(self) -> dict[str, Any]:
        """The document that ``from_mapping`` takes."""
        return {"unlisted_types": self.unlisted_types, "backfill": self.backfill, "types": dict(self.types)}

    def to_json(self) -> str:
        """The text that the journal keeps: equal policies give equal texts."""
        return json.dumps(self.to_mapping(), sort_keys=True)


class _WrongKey(CannotRun):
    """A key that is wrong, so that a reader of the file can be told where it stands."""

    def __init__(self, key: str, what: str, hint: str) -> None:
        super().__init__(what, hint=hint)
        self.key = key


def lower(name: str) -> str:
    """A name in lower case as servers have it: each character by itself, those that would become two stay."""
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in name)


def _place(path: Path, text: str, key: str) -> str:
    """The file, and the line where the key stands, if it is seen."""
    bare = re.escape(key)
    quoted = re.escape(json.dumps(key, ensure_ascii=False))
    found = re.search(rf"""^\s*(?:{bare}|'{bare}'|{quoted})\s*=|^\s*\[\s*{bare}\s*\]""", text, re.MULTILINE)
    if found is None:
        return str(path)
    return f"{path}, line {text.count(chr(10), 0, found.end()) + 1}"


def _types(values: Any) -> dict[str, Factor]:
    if not isinstance(values, dict):
        raise _WrongKey("types", "The policy's types is not a table.", 'Write [types] and below it name = "released".')
    checked: dict[str, Factor] = {}
    for name, value in values.items():
        factor = cast(Factor, _one_of(name, value, ("released", "keep-old"), shown=f"types.{name}"))
        _demand_nameable(name)
        if checked.setdefault(lower(name), factor) != factor:
            raise _WrongKey(name, f"The policy names {name} twice, and not the same.", "Letter case does not matter.")
        if not name.isascii():  # of which the server may know no lower case
            checked[name] = factor
    return checked


def is_nameable(name: str) -> bool:
    """Whether a policy can name a type: only ``unlisted_types`` decides about the others."""
    return "\\" not in name and "\0" not in name and lower(name).rstrip(" ") not in LISTED_TYPES


def _demand_nameable(name: str) -> None:
    if is_nameable(name):
        return
    if "\\" in name or "\0" in name:
        raise _WrongKey(
            name,
            f"The policy names {name!r}, with a backslash or a zero character.",
            "Servers do not show such a text as it was sent, so the routines would not be recognised.",
        )
    raise _WrongKey(name, f"The policy names {name}, whose factor is fixed.", "Take it out of [types].")


def _one_of(key: str, value: Any, allowed: tuple[str, ...], shown: str = "") -> str:
    if value not in allowed:
        raise _WrongKey(key, f"The policy's {shown or key} is {value!r}.", f"Use one of {', '.join(allowed)}.")
    return str(value)
