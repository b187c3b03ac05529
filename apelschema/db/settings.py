"""Which database is meant: options before environment before files (DESIGN section 3)."""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apelschema.db.option_file import port_of, read_option_file, target_of
from apelschema.db.target import Target, default_socket
from apelschema.errors import CannotRun

URL_VARIABLE: Final = "APELSCHEMA_URL"
APEL_CONFIG: Final = Path("/etc/apel/db.cfg")
"""APEL's own file; commands that change data take it only when told."""

_WAYS: Final = (
    f"Give --url mysql+pymysql://user@host/database, --db-config FILE (APEL's db.cfg) or --defaults-file FILE with"
    f" --database NAME, or set {URL_VARIABLE}."
)


@dataclass(frozen=True)
class Connection:
    """What the command line says about the connection; None is not given."""

    url: str | None = None
    db_config: Path | None = None
    defaults_file: Path | None = None
    database: str | None = None

    def __post_init__(self) -> None:
        """Raise CannotRun when two of them contradict each other."""
        given = [
            name
            for name, value in (
                ("--url", self.url),
                ("--db-config", self.db_config),
                ("--defaults-file", self.defaults_file),
            )
            if value is not None
        ]
        if len(given) > 1:
            raise CannotRun(f"{' and '.join(given)} each say where the database is.", hint="Give one of them.")


def find_target(
    given: Connection,
    *,
    only_reads: bool,
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
    apel_config: Path = APEL_CONFIG,
) -> Target:
    """The database that is meant; raises CannotRun when none is, or none whole, or the ways contradict each other."""
    own_file = (home or Path.home()) / ".my.cnf"
    if given.url is not None:
        target = _named(Target.from_url(given.url), given.database, "--url")
    elif given.db_config is not None:
        target = _named(from_db_config(given.db_config), given.database, "--db-config")
    elif given.defaults_file is not None:
        target = _of_option_file(given.defaults_file, given.database)
    elif environment.get(URL_VARIABLE):
        target = Target.from_environment_url(environment[URL_VARIABLE])
        target = target.with_database(given.database or target.database)
    elif given.database is not None and own_file.is_file():
        target = _of_option_file(own_file, given.database)
    elif only_reads and apel_config.is_file():
        target = _named(from_db_config(apel_config), given.database, str(apel_config))
    else:
        raise CannotRun("Nothing says which database is meant.", hint=_WAYS)
    if target.database is None:
        raise CannotRun(
            f"No database is named, only the server {target.server_shown()}.",
            hint="Put its name at the end of the URL, or give --database NAME.",
        )
    return target


def from_db_config(path: Path) -> Target:
    """Read APEL's db.cfg: section ``[db]``, keys hostname, port, name, username, password.

    Its ``type`` says which records the loader takes; what the database is, is read from the database itself.
    Raises CannotRun when the file cannot be read or has no such section.
    """
    values = _section(path, "db")
    host = values.get("hostname", "").strip() or "localhost"
    return Target(
        host=host,
        port=port_of(values.get("port", "").strip(), path),
        unix_socket=default_socket() if host == "localhost" else None,
        user=values.get("username") or None,
        password=values.get("password") or None,
        database=values.get("name") or None,
    )


def _section(path: Path, name: str) -> Mapping[str, str]:
    parser = configparser.ConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
        section = parser[name]
    except OSError as error:
        raise CannotRun(f"The file {path} cannot be read: {error.strerror}.") from error
    except (configparser.Error, UnicodeDecodeError):
        raise CannotRun(f"The file {path} is no configuration file of APEL.") from None  # its text may hold a password
    except KeyError:
        raise CannotRun(f"The file {path} has no section [{name}].", hint="It should be APEL's db.cfg.") from None
    try:
        return dict(section)
    except configparser.InterpolationError:
        return dict(parser.items(name, raw=True))  # a plain % in a password


def _named(target: Target, database: str | None, way: str) -> Target:
    if database is None or target.database in (None, database):
        return target.with_database(database or target.database)
    raise CannotRun(f"--database names {database}, but {way} names {target.database}.", hint="Give the name once.")


def _of_option_file(path: Path, database: str | None) -> Target:
    target = target_of(read_option_file(path), path)
    return target.with_database(database or target.database)
