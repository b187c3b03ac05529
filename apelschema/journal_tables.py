"""Definitions of the journal's tables (DESIGN section 2, word *journal*)."""

from typing import Final

from apelschema import names
from apelschema.db.own_table import own_table

RUNS: Final = own_table(
    names.RUNS,
    """
  Id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  Command VARCHAR(20) NOT NULL,
  Target VARCHAR(32) NOT NULL,
  FromRevision VARCHAR(32) NULL DEFAULT NULL,
  State VARCHAR(16) NOT NULL,
  Operator VARCHAR(255) NOT NULL,
  ToolVersion VARCHAR(32) NOT NULL,
  Policy TEXT NOT NULL,
  Central TINYINT NOT NULL,
  Message TEXT NULL,
  StartedAt DATETIME(6) NOT NULL,
  EndedAt DATETIME(6) NULL DEFAULT NULL,
  PRIMARY KEY (Id)
""",
)

REVISIONS: Final = own_table(
    names.REVISIONS,
    """
  Run BIGINT UNSIGNED NOT NULL,
  Revision VARCHAR(32) NOT NULL,
  Direction VARCHAR(8) NOT NULL,
  Positions TEXT NOT NULL,
  StartedAt DATETIME(6) NOT NULL,
  EndedAt DATETIME(6) NULL DEFAULT NULL,
  PRIMARY KEY (Run, Revision)
""",
)

STEPS: Final = own_table(
    names.STEPS,
    """
  Run BIGINT UNSIGNED NOT NULL,
  Revision VARCHAR(32) NOT NULL,
  Step VARCHAR(128) NOT NULL,
  Direction VARCHAR(8) NOT NULL,
  State VARCHAR(16) NOT NULL,
  Found VARCHAR(16) NOT NULL,
  Watermark TEXT NULL,
  RowsDone BIGINT NOT NULL DEFAULT 0,
  RowsTotal BIGINT NULL DEFAULT NULL,
  RowsChanged BIGINT NOT NULL DEFAULT 0,
  StartedAt DATETIME(6) NOT NULL,
  EndedAt DATETIME(6) NULL DEFAULT NULL,
  PRIMARY KEY (Run, Revision, Step)
""",
)

FOUND: Final = own_table(
    names.FOUND,
    """
  Revision VARCHAR(32) NOT NULL,
  Kind VARCHAR(16) NOT NULL,
  Name VARCHAR(64) NOT NULL,
  Run BIGINT UNSIGNED NOT NULL,
  Statement LONGTEXT NULL,
  Definer VARCHAR(384) NOT NULL,
  SqlMode TEXT NOT NULL,
  CharacterSetClient VARCHAR(64) NOT NULL,
  CollationConnection VARCHAR(64) NOT NULL,
  DatabaseCollation VARCHAR(64) NOT NULL,
  Grants TEXT NULL,
  FoundAt DATETIME(6) NOT NULL,
  PRIMARY KEY (Revision, Kind, Name)
""",
)

LEASE: Final = own_table(
    names.LEASE,
    """
  Id INT NOT NULL,
  Owner CHAR(36) NOT NULL,
  Holder VARCHAR(255) NOT NULL,
  ConnectionId BIGINT UNSIGNED NOT NULL,
  Heartbeat DATETIME(6) NOT NULL,
  Expires DATETIME(6) NOT NULL,
  PRIMARY KEY (Id)
""",
)

ALL: Final = (LEASE, RUNS, REVISIONS, STEPS, FOUND)
