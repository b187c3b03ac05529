#!/usr/bin/env python3
"""Writes apelschema/catalogue/data/own_views.json: hashes of our own views as MariaDB renders them.

Run it after a file below procedures/server/views was added or changed:
``.venv/bin/python scripts/own_view_hashes.py``. It starts a private server, creates each release's tables,
then our views in them.
"""

import json
from pathlib import Path

from apelschema.catalogue.load import load
from apelschema.db.ddl import create_table
from apelschema.db.introspect import read_view
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.names import quoted
from apelschema.procedures import changed_in, create_statement, names, text

RELEASES = ("2.2.1", "2.3.0", "2.4.1", "2.5.0")
FILE = Path(__file__).parents[1] / "apelschema" / "catalogue" / "data" / "own_views.json"


def own_view_hashes(session: Session) -> dict[str, dict[str, str]]:
    """Hash by view and release; the database, empty before, holds the last release's views afterwards."""
    hashes: dict[str, dict[str, str]] = {}
    for release in RELEASES:
        for table in load(release).tables.values():
            session.execute(f"DROP TABLE IF EXISTS {quoted(table.name)}")
            session.execute(create_table(table, partitioned=False))
        for name in names("view", release):
            if release in changed_in(name, "view"):
                session.execute(create_statement(text("view", name, release), replace=True))
                view = read_view(session, name)
                assert view is not None
                assert view.definition_sha256 is not None, "only MariaDB renders views alike everywhere"
                hashes.setdefault(name, {})[release] = view.definition_sha256
    return dict(sorted(hashes.items()))


def main() -> None:
    """Write the file."""
    with PrivateServer() as server, Session(server.create_database("own_views")) as session:
        FILE.write_text(json.dumps(own_view_hashes(session), indent=1) + "\n", encoding="utf-8")
    print(f"written: {FILE}")


if __name__ == "__main__":
    main()
