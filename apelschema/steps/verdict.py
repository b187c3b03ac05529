"""Which of several rows of one key holds, as SQL: the newest of a spelling, then the newest class (H1, H5, H22).

semantics.md section 4, items 2, 3 and 10. A key is that of the source table as it stands, less the type: the
infrastructure belongs to it from 2.4.1 on. ``near`` is what all keys begin with, so that indexes can be used.
"""

from typing import Final

from apelschema import names, sql
from apelschema.db.schema import Table
from apelschema.steps.sources import HYBRID_KEY, has_copied, has_source, makes

NORMALISED: Final = "NormalisedSummaries"
SUMMARIES: Final = "Summaries"
HYBRID: Final = "HybridSuperSummaries"

NEAR: Final = ("SiteID", "Month", "Year", "GlobalUserNameID", "VOID", "VORoleID", "VOGroupID", "SubmitHostId")
SHARED: Final = (*NEAR, "NodeCount", "Processors")

OTHER_CLASS: Final = "newer rows of the other class"
SAME_TYPE: Final = "newer row of the same type"
NO_INFRASTRUCTURE: Final = "newer row, none of both with infrastructure"
COPY_OF_REMOVED: Final = "copy of a row that was replaced"
TWO_COPIES: Final = "second copy of one row"
ONE_SPELLING: Final = "type in its one spelling"
"""Reasons, as they are kept with a row."""

IS_COPY: Final = (
    "{0}.ServiceLevel = 0 AND ({0}.NormalisedWallDuration > 0 OR {0}.NormalisedCpuDuration > 0"
    " OR ({0}.WallDuration = 0 AND {0}.CpuDuration = 0))"
)
"""A row of HybridSuperSummaries that is a copy for certain: a job or summary of level 0 has no normalised duration."""

_FIGURES: Final = ("NumberOfJobs", "WallDuration", "CpuDuration", "NormalisedWallDuration", "NormalisedCpuDuration")


def kind(alias: str) -> str:
    """A row's benchmark type as this tool's routines write it."""
    column = f"{alias}.ServiceLevelType"
    return f"IF({sql.says_no_type(column)}, '{names.UNTYPED}', LOWER(TRIM({column})))"


def place(alias: str, column: str = "Infrastructure") -> str:
    """A row's infrastructure, no infrastructure being one thing."""
    text = f"{alias}.{column}"
    return f"IF({sql.says_no_infrastructure(text)}, '{names.NO_INFRASTRUCTURE}', {text})"


def is_otherwise_spelt(alias: str) -> str:
    """Whether a type is not spelt byte for byte as this tool's routines do."""
    return f"HEX({alias}.ServiceLevelType) <> HEX({kind(alias)})"


def has_infrastructure(live: Table) -> bool:
    """Whether the infrastructure belongs to a table's key."""
    return any(name.startswith("Infrastructure") for name in live.primary_key)


def near_normalised(at: str = "TRUE") -> str:
    """Where ``normalised`` has to look."""
    return near(NORMALISED, f"COUNT(*) > 1 OR SUM({is_otherwise_spelt('t')}) > 0", at)


def near_summaries(at: str = "TRUE") -> str:
    """Where ``summaries`` has to look."""
    return _spelt_twice(SUMMARIES, "InfrastructureType", at)


def near_copies(at: str = "TRUE") -> str:
    """Where ``copies`` has to look."""
    return near(HYBRID, f"COUNT(*) > 1 OR SUM({is_otherwise_spelt('t')}) > 0", f"t.ServiceLevel = 0 AND {at}")


def near_twins(at: str = "TRUE") -> str:
    """Where ``twins`` has to look."""
    return _spelt_twice(HYBRID, "Infrastructure", at)


def normalised(live: Table, at: str) -> str:
    """Key, Turn, NewType, Reason and InFavourOf of the normalised summaries that go or get another spelling.

    ``at`` is a condition on a site and month: what has to be sorted is small then, and stays in memory.
    """
    judged = _judged(live, near_normalised(at))
    reason = f"IF(v.Turn = 1, '{ONE_SPELLING}', IF(v.Place > 1, '{SAME_TYPE}', '{OTHER_CLASS}'))"
    favour = "IF(v.Turn = 1 OR v.Place > 1, v.Kind, IF(v.Kind = '', v.OtherKind, ''))"
    return (
        f"SELECT {sql.columns(live.primary_key, 'v')}, v.Turn, IF(v.Turn = 1, v.Kind, NULL) AS NewType,"
        f" {reason} AS Reason, {favour} AS InFavourOf FROM (SELECT j.*, {_turn()} AS Turn FROM ({judged}) j) v"
        " WHERE v.Turn IS NOT NULL"
    )


def summaries(live: Table, at: str) -> str:
    """The same of summaries that differ only in how they say no infrastructure; the newest holds."""
    column = "InfrastructureType"
    rest = [name for name in live.primary_key if name != column]
    order = f"t.UpdateTime DESC, {sql.is_label(f't.{column}')} DESC, t.{column}"
    rows = (
        f"SELECT {sql.columns(live.primary_key, 't')},"
        f" ROW_NUMBER() OVER (PARTITION BY {sql.columns(rest, 't')} ORDER BY {order}) AS Place"
        f" FROM ({near_summaries(at)}) c STRAIGHT_JOIN {SUMMARIES} t ON {sql.same_key(NEAR, 't', 'c')}"
        f" WHERE {sql.says_no_infrastructure(f't.{column}')}"
    )
    return _gone(live, rows, "v.Place > 1", f"'{NO_INFRASTRUCTURE}'")


def copies(live: Table, source: Table, at: str) -> str:
    """The same of copies of normalised summaries in HybridSuperSummaries (rule 3), by what holds in the source.

    A copy goes when its row is gone and rows of the other class stand in its place, in the source and here; of several
    copies of one row that with the row's figures stays. Where a job or summary of level 0 is behind it, it stays.
    """
    multiple = near_copies(at)
    key, other = live.primary_key, _other_class(has_infrastructure(source))
    turn = (
        f"CASE WHEN r.HasOwn AND r.Place = 1 THEN IF({is_otherwise_spelt('r')}, 1, NULL) WHEN r.HasOwn THEN 0"
        f" WHEN {other} THEN 0 END"
    )
    reason = f"IF(v.Turn = 1, '{ONE_SPELLING}', IF(v.HasOwn, '{TWO_COPIES}', '{COPY_OF_REMOVED}'))"
    return (
        f"WITH standing AS (SELECT j.* FROM ({_judged(source, multiple)}) j WHERE {_holds()}),"
        f" r AS ({_ranked_copies(live, multiple)})"
        f" SELECT {sql.columns(key, 'v')}, v.Turn, IF(v.Turn = 1, v.Kind, NULL) AS NewType, {reason} AS Reason,"
        f" v.Kind AS InFavourOf FROM (SELECT r.*, {turn} AS Turn FROM r) v"
        f" WHERE v.Turn IS NOT NULL AND NOT {has_source('v', settled=False)}"
    )


def twins(live: Table, source: Table, at: str) -> str:
    """The same of rows of HybridSuperSummaries that differ only in how they say no infrastructure, over one summary.

    The one with the summary's figures stays. Where jobs or a normalised summary are behind them, they may be parts:
    these are left to the upgrade, which adds them up (I5).
    """
    rest = [name for name in HYBRID_KEY if name != "Infrastructure"]
    equal = " AND ".join(f"h.{name} = s.{name}" for name in _FIGURES[:3])
    order = f"({equal}) DESC, {sql.is_label('h.Infrastructure')} DESC, h.UpdateTime DESC, h.Infrastructure"
    same = sql.same_key(source.primary_key, "x", "s")
    lost = f" AND NOT EXISTS (SELECT 1 FROM ({summaries(source, at)}) x WHERE {same})"
    rows = (
        f"SELECT {sql.columns(live.primary_key, 'h')},"
        f" ROW_NUMBER() OVER (PARTITION BY {sql.columns(rest, 'h')} ORDER BY {order}) AS Place"
        f" FROM ({near_twins(at)}) c"
        f" STRAIGHT_JOIN {HYBRID} h ON {sql.same_key(NEAR, 'h', 'c')}"
        f" STRAIGHT_JOIN {SUMMARIES} s ON {sql.same_key(rest, 's', 'h')}"
        f" WHERE {sql.says_no_infrastructure('h.Infrastructure')}"
        f" AND {sql.says_no_infrastructure('s.InfrastructureType')}{lost if has_infrastructure(source) else ''}"
    )
    jobs = f"{makes('JobRecords', 's', 'v')} AND {sql.says_no_infrastructure('s.InfrastructureType')}"
    others = f"EXISTS (SELECT 1 FROM JobRecords s WHERE {jobs}) OR {has_copied('v', typed=True, settled=False)}"
    alone = f"v.Place > 1 AND NOT ({others})"
    return _gone(live, rows, alone, f"'{TWO_COPIES}'")


def near(table: str, having: str, where: str = "TRUE") -> str:
    """What the keys of a table begin with where several rows are near one another, or one is to be looked at."""
    listed = sql.columns(NEAR, "t")
    return f"SELECT {listed} FROM {table} t WHERE {where} GROUP BY {listed} HAVING {having}"


def _spelt_twice(table: str, column: str, at: str) -> str:
    text = f"HEX(IFNULL(t.{column}, ''))"
    return near(table, f"MIN({text}) <> MAX({text})", f"{sql.says_no_infrastructure(f't.{column}')} AND {at}")


def _gone(live: Table, rows: str, condition: str, reason: str) -> str:
    return (
        f"SELECT {sql.columns(live.primary_key, 'v')}, 0 AS Turn, NULL AS NewType, {reason} AS Reason,"
        f" '' AS InFavourOf FROM ({rows}) v WHERE {condition}"
    )


def _judged(live: Table, at: str) -> str:
    """Normalised summaries with what has to be known of their keys, where ``at`` says."""
    whole = sql.columns(SHARED, "t") + (f", {place('t')}" if has_infrastructure(live) else "")
    newest = (
        f"t.UpdateTime DESC, {is_otherwise_spelt('t')}, {sql.is_label('t.Infrastructure')} DESC, t.ServiceLevelType"
    )
    columns = list(dict.fromkeys((*live.primary_key, "Infrastructure", *_FIGURES)))
    return (
        f"SELECT {sql.columns(columns, 't')}, {kind('t')} AS Kind, {place('t')} AS Named,"
        f" {is_otherwise_spelt('t')} AS IsOther,"
        f" ROW_NUMBER() OVER (PARTITION BY {whole}, {kind('t')} ORDER BY {newest}) AS Place,"
        f" MAX(IF({kind('t')} = '', t.UpdateTime, NULL)) OVER (PARTITION BY {whole}) AS UntypedAt,"
        f" MAX(IF({kind('t')} = '', NULL, t.UpdateTime)) OVER (PARTITION BY {whole}) AS TypedAt,"
        f" MAX(IF({kind('t')} = '', NULL, {kind('t')})) OVER (PARTITION BY {whole}) AS OtherKind"
        f" FROM ({at}) c STRAIGHT_JOIN {NORMALISED} t ON {sql.same_key(NEAR, 't', 'c')}"
    )


def _holds() -> str:
    """Whether a judged row is the newest of its type, and of the newest class; typed wins a tie."""
    untyped = "IFNULL(j.UntypedAt > j.TypedAt, TRUE)"
    typed = "IFNULL(j.TypedAt >= j.UntypedAt, TRUE)"
    return f"(j.Place = 1 AND IF(j.Kind = '', {untyped}, {typed}))"


def _turn() -> str:
    """0 for a row that goes, then 1 for one that gets another spelling; NULL for all others."""
    return f"IF({_holds()}, IF(j.IsOther, 1, NULL), 0)"


def _ranked_copies(live: Table, at: str) -> str:
    """Copies, whether their row stands in the source, and which of several copies of one row is the best."""
    equal = " AND ".join(f"o.{name} = t.{name}" for name in _FIGURES)
    best = f"({equal}) DESC, {is_otherwise_spelt('t')}, {sql.is_label('t.Infrastructure')} DESC, t.UpdateTime DESC"
    columns = list(dict.fromkeys((*live.primary_key, *_FIGURES)))
    return (
        f"SELECT {sql.columns(columns, 't')}, {kind('t')} AS Kind, {place('t')} AS Named,"
        " o.SiteID IS NOT NULL AS HasOwn,"
        f" ROW_NUMBER() OVER (PARTITION BY {sql.columns(SHARED, 't')}, {place('t')}, {kind('t')}"
        f" ORDER BY {best}, t.ServiceLevelType, t.Infrastructure) AS Place"
        f" FROM ({at}) c STRAIGHT_JOIN {HYBRID} t ON {sql.same_key(NEAR, 't', 'c')} AND {IS_COPY.format('t')}"
        f" LEFT JOIN standing o ON {sql.same_key(SHARED, 'o', 't')} AND o.Named = {place('t')}"
        f" AND o.Kind = {kind('t')}"
    )


def _other_class(with_infrastructure: bool) -> str:
    """Whether a row of the other class stands under the key of a copy ``r``, in the source and as a copy itself."""
    same_place = " AND s.Named = r.Named" if with_infrastructure else ""
    copied = (
        f"EXISTS (SELECT 1 FROM {HYBRID} c WHERE {sql.same_key(SHARED, 'c', 's')} AND c.ServiceLevel = 0"
        f" AND {place('c')} = s.Named AND {kind('c')} = s.Kind)"
    )
    return (
        f"EXISTS (SELECT 1 FROM standing s WHERE {sql.same_key(SHARED, 's', 'r')}{same_place}"
        f" AND (s.Kind = '') <> (r.Kind = '') AND {copied})"
    )
