"""The page on engines says what the file of capabilities does, and a run on another says what it leaves out."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from apelschema.db.family import Server

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/engines.md").read_text("utf-8")
ENGINES: Final = tuple(map(Server.from_version, ("10.5.23-MariaDB", "10.11.6-MariaDB", "11.8.3-MariaDB", "9.7.0")))
ROWS: Final = re.findall(r"^\|[^|\n]+\|([^|\n]+)\|([^|\n]+)\|([^|\n]+)\|([^|\n]+)\| `(\w+)` \|$", PAGE, re.MULTILINE)


def shown(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def test_every_row_is_what_the_servers_say():
    assert len(ROWS) > 10
    for *cells, name in ROWS:
        assert [cell.strip() for cell in cells] == [shown(getattr(each, name)) for each in ENGINES], name


def test_every_capability_has_a_row():
    values = {name: {getattr(each, name) for each in ENGINES} for name in properties()}
    abilities = {name for name, found in values.items() if found <= {True, False} and not name.startswith("is_")}
    assert abilities <= {row[-1] for row in ROWS}


def properties() -> list[str]:
    return [name for name, each in vars(Server).items() if isinstance(each, property)]


def collected(*arguments: str) -> str:
    """What pytest says of the tests that it would run on another engine; no container is started for that."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "--engine", "mysql:9.7", *arguments]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_run_on_another_engine_says_what_it_leaves_out():
    files = ("tests/db/test_tls.py", "tests/db/test_cli.py")
    said = collected(*files)
    assert "test_an_upgrade_is_no_way_back" in said
    assert "test_the_whole_way_with_documents" not in said
    assert re.search(r"left out with --engine mysql:9.7: \d+ tests marked own_server", said)
    assert re.search(r"left out with --engine mysql:9.7: \d+ tests marked slow", said)
    assert "test_the_whole_way_with_documents" in collected("-m", "slow", *files)
