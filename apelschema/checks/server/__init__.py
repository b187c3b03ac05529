"""The server: what it is, what it lets a run do, what it has room for."""

from typing import Final

from apelschema.checks.base import Check
from apelschema.checks.server import (
    backup,
    binary_log,
    binlog_retention,
    crash_safe_ddl,
    disk_space,
    encryption,
    galera,
    galera_state,
    innodb,
    online_log,
    read_only,
    replicas,
    sql_mode,
    temporary_space,
    version,
)

CHECKS: Final[tuple[Check, ...]] = (
    read_only.CHECK,
    encryption.CHECK,
    version.CHECK,
    sql_mode.CHECK,
    innodb.CHECK,
    binary_log.CHECK,
    binlog_retention.CHECK,
    replicas.CHECK,
    disk_space.CHECK,
    temporary_space.CHECK,
    online_log.CHECK,
    galera.CHECK,
    galera_state.CHECK,
    crash_safe_ddl.CHECK,
    backup.CHECK,
)
