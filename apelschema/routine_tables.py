"""Tables that the tool's own routines write in the user's database (semantics.md section 4 rules 2 and 3).

No routine needs them: one that finds them missing, or may not write them, does its work without.
"""

from typing import Final

from apelschema import names

SENT_AGAIN: Final = "sent again"
"""ReplaceNormalisedSummary: a row of the other class, or of the same type in another spelling, arrived."""

BOTH_CLASSES: Final = "both classes"
"""CopyNormalisedSummaries: a newer row of the other class stood under the same key (a caller had died in between)."""

STALE_COPY: Final = "stale copy"
"""CopyNormalisedSummaries: a copy in HybridSuperSummaries whose source had been replaced."""

COPY_MARK: Final = "CopyNormalisedSummaries"
"""The mark's name: when the summariser was last at work, whether or not it had anything to write.

Keys sent before it (less a day) have been looked through for doubles and stale copies.
"""

LEVEL_ZERO_MARK: Final = "sources of level 0"
"""The mark's name: when sites that send normalised summaries last had jobs or summaries of level 0 (H7, C7)."""

FIRST_MARKS: Final = {"NormaliseSummaries": "first summaries", "CopyNormalisedSummaries": "first copies"}
"""Marks by routine: when it last found none of its rows in HybridSuperSummaries, so that it compared none."""

REPLACED_TABLE: Final = f"""
CREATE TABLE IF NOT EXISTS {names.REPLACED} (
  Id BIGINT NOT NULL AUTO_INCREMENT,
  RemovedAt TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  SourceTable VARCHAR(64) NOT NULL,
  Reason VARCHAR(64) NOT NULL,
  ReplacedByType VARCHAR(50) NOT NULL,
  RowUpdateTime TIMESTAMP NULL DEFAULT NULL,
  SiteID INT NOT NULL,
  Month INT NOT NULL,
  Year INT NOT NULL,
  GlobalUserNameID INT NOT NULL,
  VOID INT NOT NULL,
  VOGroupID INT NOT NULL,
  VORoleID INT NOT NULL,
  SubmitHostId INT NOT NULL,
  Infrastructure VARCHAR(20) NULL DEFAULT NULL,
  InfrastructureDescription VARCHAR(100) NULL DEFAULT NULL,
  ServiceLevelType VARCHAR(50) NOT NULL,
  ServiceLevel DECIMAL(10,3) NOT NULL DEFAULT 0,
  NodeCount INT NOT NULL,
  Processors INT NOT NULL,
  EarliestEndTime DATETIME NULL DEFAULT NULL,
  LatestEndTime DATETIME NULL DEFAULT NULL,
  WallDuration BIGINT UNSIGNED NOT NULL,
  CpuDuration BIGINT UNSIGNED NOT NULL,
  NormalisedWallDuration BIGINT UNSIGNED NOT NULL,
  NormalisedCpuDuration BIGINT UNSIGNED NOT NULL,
  NumberOfJobs BIGINT UNSIGNED NOT NULL,
  PublisherDNID INT NULL DEFAULT NULL,
  PRIMARY KEY (Id),
  KEY SourceKey (SourceTable, SiteID, Year, Month)
) ENGINE=InnoDB
"""
"""Rows that routines removed: ids and figures, when, why, and the type of what replaced them. No DN.

Infrastructure may be NULL here, because the removed row's may have been. InfrastructureDescription is for 2.5.0.
"""

MARKS_TABLE: Final = f"""
CREATE TABLE IF NOT EXISTS {names.MARKS} (
  Name VARCHAR(64) NOT NULL,
  MarkTime TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (Name)
) ENGINE=InnoDB
"""
"""Where a routine stood at its last run, so that it looks only at what came since."""
