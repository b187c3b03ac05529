#!/usr/bin/env python3
"""Writes apelschema/catalogue/data/own_views.json: hashes of our own views as MariaDB renders them.

Run it after a file below procedures/server/views was added or changed:
``.venv/bin/python scripts/own_view_hashes.py``. It starts a private server and creates them all in it.
"""

import json
from pathlib import Path

from apelschema.catalogue.own_views import own_view_hashes
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session

FILE = Path(__file__).parents[1] / "apelschema" / "catalogue" / "data" / "own_views.json"


def main() -> None:
    """Write the file."""
    with PrivateServer() as server, Session(server.create_database("own_views")) as session:
        FILE.write_text(json.dumps(own_view_hashes(session), indent=1) + "\n", encoding="utf-8")
    print(f"written: {FILE}")


if __name__ == "__main__":
    main()
