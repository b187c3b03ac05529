"""The demonstration: an old database goes up, is verified, goes back, by the real command line."""

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

from apelschema.db.private import PrivateServer

DATABASE = "apel"
OLD = "2.2.1"


def commands(jobs: int) -> list[list[str]]:
    """What a DBA would type, in order."""
    return [
        ["sample", "--release", OLD, "--jobs", str(jobs), "--yes"],
        ["status"],
        ["upgrade", "--dry-run"],
        ["upgrade", "--yes"],
        ["verify"],
        ["downgrade", OLD, "--yes"],
        ["verify"],
    ]


def run(url: str, arguments: list[str]) -> int:
    """Show one command, run it on this terminal, and return its exit code."""
    print(f"\n$ apelschema --url '{url}' {shlex.join(arguments)}", flush=True)
    program = Path(sys.executable).with_name("apelschema")
    return subprocess.run([program, "--url", url, *arguments], check=False, env=environment()).returncode


def environment() -> dict[str, str]:
    """This environment without settings of the user's own that would change what the demonstration shows."""
    return {name: value for name, value in os.environ.items() if not name.startswith("APELSCHEMA_")}


def main() -> int:
    """Run all commands on a private server; the exit code is that of the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000, help="jobs in the sample database (default: 5000)")
    options = parser.parse_args()
    begun = time.monotonic()
    print("Starting a private database server; it disappears with this demonstration.", flush=True)
    with PrivateServer() as server:
        server.create_database(DATABASE)
        socket = urlencode({"unix_socket": server.socket}, safe="/")
        url = f"mysql+pymysql://root@localhost/{DATABASE}?{socket}"
        for arguments in commands(options.jobs):
            code = run(url, arguments)
            if code != 0:
                print(
                    f"\nThe demonstration failed: `{shlex.join(arguments)}` ended with {code}.",
                    file=sys.stderr,
                )
                return code
    print(f"\nThe demonstration passed in {time.monotonic() - begun:.0f} seconds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
