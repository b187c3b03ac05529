"""How a server renders our own views: what ``data/own_views.json`` holds and scripts/own_view_hashes.py writes."""

from typing import Final

from apelschema.catalogue.load import load, releases
from apelschema.db.ddl import create_table
from apelschema.db.introspect import read_view
from apelschema.db.session import Session
from apelschema.names import quoted
from apelschema.procedures import changed_in, create_statement, names, text

OLDEST: Final = "2.2.1"
"""The first release for which this project writes views."""


def own_view_hashes(session: Session) -> dict[str, dict[str, str]]:
    """Hash by view and release, found by creating them all; the database must be an empty one on MariaDB."""
    hashes: dict[str, dict[str, str]] = {}
    for release in releases()[releases().index(OLDEST) :]:
        for table in load(release).tables.values():
            session.execute(f"DROP TABLE IF EXISTS {quoted(table.name)}")
            session.execute(create_table(table, partitioned=False))
        for name in names("view", release):
            if release in changed_in(name, "view"):
                hashes.setdefault(name, {})[release] = _rendered(session, name, release)
    return dict(sorted(hashes.items()))


def _rendered(session: Session, name: str, release: str) -> str:
    session.execute(create_statement(text("view", name, release), replace=True))
    view = read_view(session, name)
    if view is None or view.definition_sha256 is None:
        raise RuntimeError("only MariaDB renders views alike on all its versions")
    return view.definition_sha256
