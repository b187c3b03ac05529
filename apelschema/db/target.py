"""Where a database is: host or socket, account, encryption, read from a URL."""

import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

import sqlalchemy
from sqlalchemy.engine import URL

from apelschema.errors import CannotRun

DEFAULT_PORT: Final = 3306
DEFAULT_SOCKETS: Final = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")
SCHEMES: Final = ("mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql")

URL_HINT: Final = "Write mysql+pymysql://user@host:port/database (and ?unix_socket=... or ?ssl_ca=...)."

_TEXT_OPTIONS: Final = ("unix_socket", "ssl_ca", "ssl_cert", "ssl_key")
_SWITCHES: Final = ("ssl", "ssl_verify_cert", "ssl_verify_identity")
_IGNORED: Final = ("charset",)  # common in SQLAlchemy URLs; the session's setup decides


@dataclass(frozen=True)
class Tls:
    """How the connection is to be encrypted; without any of it, it is encrypted where the server offers it.

    ``verify_cert`` None means: verify when ``ca`` is given. To name a certificate authority and not to check
    would be no protection.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify_cert: bool | None = None
    verify_identity: bool = False
    required: bool = False

    @property
    def is_asked_for(self) -> bool:
        """Whether an unencrypted connection is out of the question."""
        files = self.ca or self.cert or self.key
        return bool(files or self.verify_cert or self.verify_identity or self.required)

    def context(self) -> ssl.SSLContext:
        """The context for the driver; raises OSError when a file cannot be read."""
        context = ssl.create_default_context(cafile=self.ca)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # servers' own certificates are not that strict
        verify = self.ca is not None if self.verify_cert is None else self.verify_cert
        context.check_hostname = self.verify_identity
        context.verify_mode = ssl.CERT_REQUIRED if verify or self.verify_identity else ssl.CERT_NONE
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        return context


@dataclass(frozen=True)
class Target:
    """One database (or, without ``database``, one server) and the account to use there."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    unix_socket: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    tls: Tls = Tls()

    @classmethod
    def from_url(cls, text: str, *, allow_password: bool = False) -> Self:
        """Read ``mysql+pymysql://user@host:port/database?unix_socket=...&ssl_ca=...``.

        Raises CannotRun for anything else, and for a password unless ``allow_password``: the command line is
        public.
        """
        url = _parsed(text)
        if url.password is not None and not allow_password:
            raise CannotRun(
                "The URL holds a password.",
                why="Everybody on this machine can read a command line.",
                hint="Leave it out and use --ask-password, --defaults-file or the variable APELSCHEMA_URL.",
            )
        options = _options(url)
        socket = options.get("unix_socket")
        if socket is None and url.port is None and (url.host or "localhost") == "localhost":
            socket = default_socket()
        return cls(
            host=url.host or "localhost",
            port=url.port or DEFAULT_PORT,
            unix_socket=socket,
            user=url.username,
            password=None if url.password is None else str(url.password),
            database=url.database or None,
            tls=Tls(
                ca=options.get("ssl_ca"),
                cert=options.get("ssl_cert"),
                key=options.get("ssl_key"),
                verify_cert=_switch(options, "ssl_verify_cert"),
                verify_identity=bool(_switch(options, "ssl_verify_identity")),
                required=bool(_switch(options, "ssl")),
            ),
        )

    @classmethod
    def from_environment_url(cls, text: str) -> Self:
        """Read the URL of APELSCHEMA_URL, in which a password may stand."""
        return cls.from_url(text, allow_password=True)

    def with_password(self, password: str | None) -> Self:
        """A copy with this password."""
        return replace(self, password=password)

    def with_database(self, database: str | None) -> Self:
        """A copy with another database of the same server."""
        return replace(self, database=database)

    @property
    def is_local(self) -> bool:
        """Whether nobody on a network could listen."""
        return self.unix_socket is not None or self.host in LOCAL_HOSTS

    def server_shown(self) -> str:
        """The server for people: ``host:3306`` or the socket's path."""
        if self.unix_socket is not None:
            return self.unix_socket
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def shown(self) -> str:
        """The target for people, logs and reports: neither user nor password."""
        return self.server_shown() + (f"/{self.database}" if self.database else "")


def default_socket() -> str | None:
    """The server's usual socket on this machine, None when there is none.

    APEL's own client library takes it for ``localhost``, and accounts without a password work there alone.
    """
    return next((path for path in DEFAULT_SOCKETS if Path(path).is_socket()), None)


def _parsed(text: str) -> URL:
    try:
        url = sqlalchemy.make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise CannotRun("The URL of the database cannot be understood.", hint=URL_HINT) from None
    if url.drivername not in SCHEMES:
        raise CannotRun(f"The URL begins with {url.drivername}://, which is no MySQL or MariaDB.", hint=URL_HINT)
    return url


def _options(url: URL) -> dict[str, str]:
    options = {}
    for key, value in url.query.items():
        if key in _IGNORED:
            continue
        if key not in _TEXT_OPTIONS + _SWITCHES:
            raise CannotRun(
                f"The URL has an unknown option: {key}.",
                hint=f"Known are {', '.join(_TEXT_OPTIONS + _SWITCHES)}.",
            )
        if not isinstance(value, str):
            raise CannotRun(f"The URL says {key} more than once.")
        options[key] = value
    return options


def _switch(options: dict[str, str], key: str) -> bool | None:
    value = options.get(key)
    if value is None:
        return None
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise CannotRun(f"The URL's {key} is {value}.", hint="Write true or false.")
