"""What a forecast says: published figures before and after, and what a run will cost."""

from dataclasses import dataclass
from typing import Literal

Basis = Literal["measured", "stated"]
"""Where a time comes from: measured on this server, or constants of the documentation because nothing could be."""


@dataclass(frozen=True)
class TypeForecast:
    """What HybridSuperSummaries publishes for a benchmark type before and after a run, exactly.

    ``type`` is lower case. Rules are those that its rows obey: ``level``, ``level / 250``, ``copied`` (normalised by
    the sender), ``no rule`` (none of these gives the figures), or several of them with " and " between; where all
    fit both factors, such as rows without durations, the factor in force. Durations are seconds. ``site``, ``year``
    and ``month`` are None where summed up.
    """

    type: str
    rule_before: str
    rule_after: str
    rows_before: int
    rows_after: int
    jobs_before: int
    jobs_after: int
    normalised_wall_before: int
    normalised_wall_after: int
    normalised_cpu_before: int
    normalised_cpu_after: int
    site: str | None = None
    year: int | None = None
    month: int | None = None


@dataclass(frozen=True)
class Cost:
    """What a part of a run costs: a step, a ledger, the verification.

    ``name`` is the part's name in journal and progress, ``revision`` None for what is no step. ``low`` and ``high``
    bound ``seconds``; ``blocked_seconds`` is the part of them in which writers have to wait. Bytes are what it takes
    for its length beside what is there: of the data's disk, of the temporary folder, of the binary log.
    """

    name: str
    revision: str | None
    step: str
    rows: int | None
    seconds: float
    low: float
    high: float
    basis: Basis
    blocked_seconds: float = 0.0
    disk_bytes: int = 0
    temporary_bytes: int = 0
    binlog_bytes: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a whole run costs; ``low`` and ``high`` bound its ``seconds``, ``notes`` say where the figures come from.

    ``disk_bytes`` and ``temporary_bytes`` are the most that is taken at a time, ``binlog_bytes`` all that is written.
    """

    parts: tuple[Cost, ...]
    seconds: float
    low: float
    high: float
    blocked_seconds: float
    disk_bytes: int
    temporary_bytes: int
    binlog_bytes: int
    notes: tuple[str, ...] = ()
