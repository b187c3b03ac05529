"""Whether all that writers sent beside an upgrade stands as it was sent."""

from collections.abc import Sequence
from typing import Any

from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.sample.load import SUMMARISER
from benches.writers import KEYS, PUBLISHER, Told


def lost(place: Target, told: Sequence[Told]) -> list[str]:
    """What was sent without an error and does not stand as it was sent last, or twice; at most one line a kind."""
    found = []
    with Session(place) as session:
        for table in KEYS:
            found += _differing(session, table, told)
        for procedure in SUMMARISER:
            session.execute(f"CALL {procedure}()")
        found += _not_summed(session)
    return found


def _differing(session: Session, table: str, told: Sequence[Told]) -> list[str]:
    key = ", ".join(f"t.{name}" for name in KEYS[table])
    other = " AND ".join(f"o.{name} = t.{name}" for name in KEYS[table])
    there: dict[tuple[Any, ...], list[int]] = {}
    for *values, figure, is_ours in session.rows(
        f"SELECT {key}, o.WallDuration, o.PublisherDNID = t.PublisherDNID FROM {table} t JOIN {table} o ON {other}"
        " WHERE t.PublisherDNID = (SELECT id FROM DNs WHERE name = %s)",
        (PUBLISHER,),
    ):
        there.setdefault(tuple(values), []).append(int(figure) if is_ours else -1)
    sent = {key: figure for each in told for key, figure in each.stored[table].items()}
    unsure = {key for each in told for name, key in each.unsure if name == table}
    gone = [key for key in sent if key not in there and key not in unsure]
    changed = [key for key, figure in sent.items() if key in there and figure not in there[key] and key not in unsure]
    twice = [key for key, figures in there.items() if len(figures) > 1]
    unknown = [key for key in there if key not in sent and key not in unsure]
    kinds = {"gone": gone, "with other figures": changed, "twice": twice, "never sent": unknown}
    return [f"{table}: {len(keys):,} records {kind}, as {keys[0]}" for kind, keys in kinds.items() if keys]


def _not_summed(session: Session) -> list[str]:
    """Sites and months whose jobs in HybridSuperSummaries are not those of the sources after a summariser."""
    sources = (
        "SELECT SiteID, Year, Month, NumberOfJobs AS n FROM NormalisedSummaries UNION ALL"
        " SELECT SiteID, Year, Month, NumberOfJobs FROM Summaries UNION ALL"
        " SELECT SiteID, EndYear, EndMonth, 1 FROM JobRecords UNION ALL"
        " SELECT SiteID, Year, Month, -CAST(NumberOfJobs AS SIGNED) FROM HybridSuperSummaries"
    )
    rows = session.rows(f"SELECT SiteID, Year, Month, SUM(n) FROM ({sources}) s GROUP BY 1, 2, 3 HAVING SUM(n) <> 0")
    return [f"{len(rows):,} sites and months summed up wrong, as {rows[0]}"] if rows else []
