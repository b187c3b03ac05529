"""Whose records the probes send: keys that are there, by names that no other row of their lookup table bears."""

from typing import Any, Final

from apelschema.db.session import Session
from apelschema.verify.probes.shadow import BEFORE

MOST: Final = 5

_NAMES: Final = {
    "site": ("Sites", "SiteID"),
    "globalusername": ("DNs", "GlobalUserNameID"),
    "vo": ("VOs", "VOID"),
    "vogroup": ("VOGroups", "VOGroupID"),
    "vorole": ("VORoles", "VORoleID"),
    "submithost": ("SubmitHosts", "SubmitHostId"),
}
"""The lookup table and column behind a parameter."""

_REST: Final[dict[str, Any]] = {
    "machinename": None,
    "queue": None,
    "localuserid": None,
    "fullyqualifiedattributename": None,
    "starttime": "2024-01-10 00:00:00",
    "endtime": "2024-01-10 01:00:00",
    "earliestendtime": "2024-01-10 01:00:00",
    "latestendtime": "2024-01-20 01:00:00",
    "wallduration": 1000,
    "cpuduration": 900,
    "normalisedwallduration": 10000,
    "normalisedcpuduration": 9000,
    "numberofjobs": 10,
    "memoryreal": 1,
    "memoryvirtual": 1,
    "infrastructure": "grid",
    "infrastructuretype": "grid",
    "infrastructuredescription": None,
    "serviceleveltype": "",
    "servicelevel": 10,
}


def people(own: Session) -> list[dict[str, Any]]:
    """Arguments of the loading routines for a few keys: of normalised summaries, or of anything if there are none."""
    names = {"machinename": _any_name(own, "MachineNames"), "queue": _any_name(own, "Queues")}
    keys = _keys(own, "NormalisedSummaries") or _keys(own, BEFORE)
    return [{**_REST, **names, **key, "publisherdn": key["globalusername"]} for key in keys]


def _keys(own: Session, table: str) -> list[dict[str, Any]]:
    """Keys in their order, without type and infrastructure."""
    columns = ["t.Month AS month", "t.Year AS year", "t.NodeCount AS nodecount", "t.Processors AS processors"]
    joins = []
    for name, (lookup, column) in _NAMES.items():
        columns.append(f"{name}_.name AS {name}")
        same = f"SELECT 1 FROM {lookup} o WHERE o.name = {name}_.name AND o.id <> {name}_.id"
        joins.append(f"JOIN {lookup} {name}_ ON {name}_.id = t.{column} AND NOT EXISTS ({same})")
    return own.dicts(
        f"SELECT DISTINCT {', '.join(columns)} FROM {table} t {' '.join(joins)} ORDER BY t.SiteID, t.Year, t.Month,"
        f" t.GlobalUserNameID, t.VOID, t.VORoleID, t.VOGroupID, t.SubmitHostId, t.NodeCount, t.Processors LIMIT {MOST}"
    )


def _any_name(own: Session, table: str) -> str | None:
    """A name of a lookup table that stands there once; None where there is none."""
    same = f"SELECT 1 FROM {table} o WHERE o.name = t.name AND o.id <> t.id"
    found = own.value(f"SELECT t.name FROM {table} t WHERE NOT EXISTS ({same}) ORDER BY t.id LIMIT 1")
    return None if found is None else str(found)
