"""Rows of HybridSuperSummaries summed up in the server as they stand, and as planned steps will leave them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from apelschema import sql
from apelschema.checks.budget import Budget
from apelschema.checks.slices import Within
from apelschema.db.introspect import has_table
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.forecast.effects import Effects
from apelschema.forecast.summing import By
from apelschema.ledger_sums import type_label
from apelschema.names import quoted
from apelschema.policy import Policy
from apelschema.sql import Normalisation, within_backfill
from apelschema.steps.backfill import LEFT_OUT, TABLE, has_twin, is_left_out
from apelschema.steps.sources import HYBRID_KEY, has_source
from apelschema.steps.sums import ADDED_UP, CONSERVED, normalised_sum_of, sum_of

_INFRASTRUCTURE: Final = "Infrastructure"
_REST: Final = tuple(name for name in HYBRID_KEY if name != _INFRASTRUCTURE)
_WHO: Final = tuple(name for name in _REST if not name.startswith("ServiceLevel"))
_FLAGS: Final = 6
_TIMES: Final = ("EarliestEndTime", "LatestEndTime")


@dataclass(frozen=True)
class Group:
    """Rows that the rules treat alike; durations are seconds, ``new_`` ones those under the policy's rule.

    ``copied``: normalised by the sender. ``is_level`` and ``is_divided``: what a factor of level, and of level / 250,
    gives; both where they agree. ``was_level``: the factor of 2.2.1 is level. ``keeps``: the policy's is level / 250.
    ``changes``: the planned steps set the figures.
    """

    type: str
    site_id: int | None
    year: int | None
    month: int | None
    copied: bool
    is_level: bool
    is_divided: bool
    was_level: bool
    keeps: bool
    changes: bool
    rows: int
    jobs: int
    wall: int
    cpu: int
    new_wall: int
    new_cpu: int

    @classmethod
    def of(cls, type_: str, flags: int, *rest: Any) -> Self:
        """From a row of the server, whose flags are bits of one number, place and figures."""
        bits = (bool(int(flags) >> place & 1) for place in range(_FLAGS))
        figures, (site, year, month) = map(int, rest[3:]), rest[:3]
        return cls(type_, site, year, month, *bits, *figures)


class HybridRows:
    """The rows before and after, each in groups. A row counts in both; rows that fall together are told apart."""

    def __init__(
        self, session: Session, policy: Policy, effects: Effects, by: Sequence[By], budget: Budget, within: Within
    ) -> None:
        """Look whether any rows of some sites fall together.

        Each query ends in what is left of the time; raises OutOfTime. Raises CannotRun where it is open which type the
        sum of rows will show.
        """
        self._session, self._policy, self._within = session, policy, within
        self._effects, self._by, self._budget = effects, by, budget
        self._is_any_left_out = has_table(session, LEFT_OUT)
        self._merges = effects.relabels and self._is_any(f"{_falling_together(within)} LIMIT 1")
        if self._merges and self._is_any(*self._of_open_type()):
            raise CannotRun(
                "The figures cannot be forecast: rows that fall together name their benchmark type differently.",
                why="To the database's collation the names are one, and which of them the sum shows is open.",
                hint="Give rows without infrastructure that differ in nothing else one spelling of their type.",
            )

    def unmerged(self) -> Iterator[Group]:
        """Rows that stay rows of their own."""
        twin = has_twin(settled=not self._effects.relabels)
        if not self._merges:
            return self._groups(f"{TABLE} h WHERE {self._within('h')}", [], self._changes(twin))
        source = (
            f"{TABLE} h LEFT JOIN ({_falling_together(self._within)}) m ON {sql.same_key(_WHO, 'm', 'h')}"
            f" WHERE {self._within('h')} AND NOT ({_is_n('h')} AND m.SiteID IS NOT NULL)"
        )
        return self._groups(source, [], self._changes(twin))

    def parts(self) -> Iterator[Group]:
        """Rows without infrastructure where some fall together, as they are now."""
        if not self._merges:
            return iter(())
        return self._groups(f"{_neighbours(self._within)} WHERE {_is_n('h')}", [], ("0", []))

    def sums(self) -> Iterator[Group]:
        """The rows that these become."""
        if not self._merges:
            return iter(())
        summed, arguments = self._summed()
        alike = sql.columns((*_WHO, *CONSERVED, *_TIMES), "s")
        source = f"(SELECT s.*, COUNT(*) OVER (PARTITION BY {alike}) AS Alike FROM ({summed}) s) h"
        return self._groups(source, arguments, self._changes("h.Alike > 1"))

    def _groups(self, source: str, arguments: Sequence[Any], changes: tuple[str, list[Any]]) -> Iterator[Group]:
        """Few keys and one number of flags: a server finds a group for each row, which takes longer than the rest."""
        rule = Normalisation(self._policy)
        flags = [_is_copy(), rule.matches("h.ServiceLevel"), rule.matches("h.ServiceLevel * 0.004")]
        flags += ["h.ServiceLevelType = 'HEPSPEC'", rule.keeps, changes[0]]
        keys = [
            type_label("h.ServiceLevelType"),
            " + ".join(f"{2**place} * ({each})" for place, each in enumerate(flags)),
            *self._place(),
        ]
        durations = [f"h.Normalised{name}" for name in ("WallDuration", "CpuDuration")]
        durations += [rule.value(f"h.{name}", rule.new_factor) for name in ("WallDuration", "CpuDuration")]
        sums = ["COUNT(*)", *(f"SUM({each})" for each in ("h.NumberOfJobs", *durations))]
        found = self._budget.rows(
            self._session,
            f"SELECT {', '.join([*keys, *sums])} FROM {source} GROUP BY {', '.join(map(str, range(1, len(keys) + 1)))}",
            [*changes[1], *arguments],
        )
        return (Group.of(*row) for row in found)

    def _place(self) -> list[str]:
        month = ["h.Year", "h.Month"] if "month" in self._by else ["NULL", "NULL"]
        return ["h.SiteID" if "site" in self._by else "NULL", *month]

    def _changes(self, has_twin: str) -> tuple[str, list[Any]]:
        """Whether the figures of a row are set; looked up in other tables only where the rule is wrong."""
        if self._effects.figures is None:
            return "0", []
        rule, (to_visit, arguments) = Normalisation(self._policy), self._effects.to_visit
        on_old = rule.matches(rule.old_factor)  # else, where the rule is wrong, it is the only other one
        stale = f"{on_old} AND {has_twin} AND NOT {has_source(settled=not self._effects.settles)}"
        left_alone = f"(NOT {on_old} OR ({stale}))" if self._effects.leaves_other_rule_out else f"({stale})"
        left_out = is_left_out() if self._is_any_left_out else "FALSE"
        # Most rows are right already: told first, it spares them the rest.
        may_change = f"NOT {rule.matches(rule.new_factor)} AND {rule.on_wrong_rule} AND {within_backfill(self._policy)}"
        return f"CASE WHEN {may_change} THEN NOT ({left_out} OR ({to_visit} AND {left_alone})) ELSE 0 END", arguments

    def _of_open_type(self) -> tuple[str, list[Any]]:
        source, arguments = self._to_sum()
        labels = f"MIN({type_label('h.ServiceLevelType')}) <> MAX({type_label('h.ServiceLevelType')})"
        return f"SELECT 1 FROM {source} GROUP BY {sql.columns(_REST, 'h')} HAVING {labels} LIMIT 1", arguments

    def _summed(self) -> tuple[str, list[Any]]:
        """One row for each key, as the step puts it; figures exact, as wide as their columns."""
        rule = Normalisation(self._policy)
        columns = [f"h.{quoted(name)}" for name in _REST]
        columns.append(f"MIN(h.{_INFRASTRUCTURE}) AS {_INFRASTRUCTURE}")
        for name in ADDED_UP:
            total = normalised_sum_of(name, rule, "h") if name.startswith("Normalised") else sum_of(name, "h")
            columns.append(f"CAST({total} AS DECIMAL(20,0)) AS {name}")
        columns += [f"{sum_of(name, 'h')} AS {name}" for name in _TIMES]
        source, arguments = self._to_sum()
        return f"SELECT {', '.join(columns)} FROM {source} GROUP BY {sql.columns(_REST, 'h')}", arguments

    def _to_sum(self) -> tuple[str, list[Any]]:
        """The rows that are summed: not those beside a labelled one that a new summariser wrote since the swap."""
        source, swapped = f"{_neighbours(self._within)} WHERE {_is_n('h')}", self._effects.swapped
        if swapped is None:
            return source, []
        newer = "({0} AND {1}.UpdateTime > %s)"
        whole = newer.format(sql.is_label(f"n.{_INFRASTRUCTURE}"), "n")
        is_whole = newer.format(sql.is_label(f"h.{_INFRASTRUCTURE}"), "h")
        other = f"EXISTS (SELECT 1 FROM {TABLE} n WHERE {sql.same_key(_REST, 'n', 'h')} AND {whole})"
        return f"{source} AND ({is_whole} OR NOT {other})", [swapped, swapped]

    def _is_any(self, query: str, arguments: Sequence[Any] = ()) -> bool:
        return bool(self._budget.rows(self._session, query, arguments))


def _falling_together(within: Within) -> str:
    """Who has rows without infrastructure of which some get one key: what they share but type, level and label."""
    other = f"{sql.same_key(_REST, 'o', 'u')} AND {_is_n('o')} AND o.{_INFRASTRUCTURE} <> u.{_INFRASTRUCTURE}"
    return (
        f"SELECT DISTINCT {sql.columns(_WHO, 'u')} FROM {TABLE} u STRAIGHT_JOIN {TABLE} o ON {other}"
        f" WHERE {within('u')} AND {sql.is_unsettled(f'u.{_INFRASTRUCTURE}')}"
    )


def _neighbours(within: Within) -> str:
    return f"({_falling_together(within)}) m STRAIGHT_JOIN {TABLE} h ON {sql.same_key(_WHO, 'h', 'm')}"


def _is_n(alias: str) -> str:
    return sql.says_no_infrastructure(f"{alias}.{_INFRASTRUCTURE}")


def _is_copy() -> str:
    """A proven copy: a job or summary of level 0 has normalised 0 (semantics.md section 4 item 3)."""
    normalised = "h.NormalisedWallDuration > 0 OR h.NormalisedCpuDuration > 0"
    return f"(h.ServiceLevel = 0 AND ({normalised} OR (h.WallDuration = 0 AND h.CpuDuration = 0)))"
