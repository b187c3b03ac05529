"""What a report tells of the server and the database, beside its findings."""

from collections.abc import Mapping
from typing import Final

from apelschema.db.session import Session
from apelschema.db.variables import global_variables

_VARIABLES: Final[Mapping[str, str]] = {
    "sql_mode": "sql_mode",
    "innodb_buffer_pool_size": "InnoDB buffer pool, bytes",
    "innodb_online_alter_log_max_size": "online ALTER log, bytes",
    "innodb_flush_log_at_trx_commit": "flush log at commit",
    "log_bin": "binary log",
    "binlog_format": "binary log format",
    "sync_binlog": "sync binary log",
    "read_only": "read only",
    "event_scheduler": "event scheduler",
    "time_zone": "time zone",
    "lower_case_table_names": "lower case table names",
}


def server_facts(session: Session) -> dict[str, str]:
    """Facts by name, in words; nothing in them is secret. Paths and accounts are left out."""
    found = global_variables(session, *_VARIABLES)
    facts = {
        "server": session.server.name,
        "cluster": "Galera" if session.server.galera else "none",
        "database": session.database,
        "default collation": str(session.value("SELECT @@collation_database")),
    }
    return facts | {label: found[name] or "none" for name, label in _VARIABLES.items() if name in found}
