"""Check: sites that still send normalised summaries without a benchmark type (C13; H1)."""

from apelschema import sql
from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.data.places import counted, of_sites, site_name
from apelschema.checks.data.rule import NORMALISED, has_types
from apelschema.checks.data.seen import with_tables
from apelschema.checks.order.sent import PREVIOUS_MONTH
from apelschema.verify.base import listed

ID = "untyped_senders"


def look(situation: Situation) -> list[Finding]:
    """Which sites, and when they did so last, if that was since the first of the previous month."""
    untyped = sql.says_no_type("t.ServiceLevelType") if has_types(situation) else "TRUE"
    found = of_sites(
        situation,
        NORMALISED,
        lambda within: (
            "SELECT s.name, d.SiteID, d.Latest FROM (SELECT t.SiteID, MAX(t.UpdateTime) AS Latest"
            f" FROM {NORMALISED} t WHERE {untyped} AND {within('t')} GROUP BY t.SiteID"
            f" HAVING Latest >= {PREVIOUS_MONTH}) d"
            " LEFT JOIN Sites s ON s.id = d.SiteID"
        ),
    )
    if not found:
        return []
    rows = sorted(found, key=lambda row: row[1])
    sites = listed([f"{site_name(name, site)}, last {latest:%Y-%m}" for name, site, latest in rows])
    message = f"{counted(len(rows), 'site')} sent normalised summaries without a benchmark type recently: {sites}."
    hint = (
        "They go on working. Upgrade them after this database: schema, packages and dict_benchmark_type = true in one"
        " step, else they lose rows of months with two benchmarks."
    )
    return [Finding(ID, "info", NORMALISED, message, hint, len(rows))]


CHECK = Check(
    ID,
    "Senders without types",
    "Regional servers are upgraded last: until then what they send has no type, and replaces typed rows of its key.",
    with_tables(ID, look),
)
