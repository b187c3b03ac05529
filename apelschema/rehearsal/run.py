"""Runs a rehearsal: to a later release and back in a copy, timed part by part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from apelschema.db.session import Session
from apelschema.rehearsal.recorder import Recorder
from apelschema.rehearsal.times import Extrapolated, extrapolate, total
from apelschema.roundtrip import Result, RoundTrip, Source
from apelschema.runner import Settings
from apelschema.verify import Verdict


@dataclass(frozen=True)
class Rehearsed:
    """How a rehearsal ended. ``place`` is where it was, in words; ``sites`` are names.

    ``whole_rows`` are the rows of the database that the times are extrapolated to, ``rows`` those of the copy.
    """

    result: Result
    place: str
    sites: tuple[str, ...]
    rows: int
    whole_rows: int
    phases: tuple[Extrapolated, ...]
    notes: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Between 0 and 1: which part of the rows was copied."""
        return min(self.rows / self.whole_rows, 1.0) if self.whole_rows else 1.0

    @property
    def downtime(self) -> Extrapolated:
        """What the downtime will be spent with: the upgrade and its verification."""
        return total("upgrade and verify", [each for each in self.phases if each.name in ("upgrade", "verify")])

    @property
    def verdict(self) -> Verdict:
        """Fail where anything differs or a verification failed, partial where one could not prove all."""
        result = self.result
        verdicts = {result.upgraded.verdict, result.downgraded.verdict}
        if result.differences or "fail" in verdicts:
            return "fail"
        return "pass" if verdicts == {"pass"} else "partial"


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal to come: in the database of ``settings``, with what ``source`` makes there.

    ``sites`` are ids, None for all; ``whole`` are the rows by table to extrapolate to, None for those of the copy.
    """

    settings: Settings
    source: Source
    to: str
    place: str
    sites: Sequence[int] | None = None
    whole: Mapping[str, int] | None = None

    def run(self) -> Rehearsed:
        """Go there and back; errors come through as those of a round trip do."""
        recorder = Recorder(self.settings.listener)
        settings = replace(self.settings, listener=recorder)
        trip = RoundTrip(settings, self.source, self.to, on_phase=recorder.phase)
        result = trip.run()
        recorder.phase("")
        taken = {each.table: each.rows for each in result.tables}
        whole = taken if self.whole is None else self.whole
        times = [(each.name, each.seconds) for each in result.phases]
        return Rehearsed(
            result,
            self.place,
            self._site_names(),
            sum(taken.values()),
            sum(whole.values()),
            extrapolate(times, recorder.parts, taken, whole),
        )

    def _site_names(self) -> tuple[str, ...]:
        with Session(self.settings.target) as session:
            names = {int(site): str(name) for site, name in session.rows("SELECT id, name FROM Sites ORDER BY name")}
        return tuple(name for site, name in names.items() if self.sites is None or site in self.sites)
