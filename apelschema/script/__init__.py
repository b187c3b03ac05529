"""``plan --sql``: one script with which the mysql client does what an upgrade does, on a database at rest.

It is written for one database as it stands, from the same steps as a run. What a run has beside them it has not: no
pieces, no journal, no ledger, no way back. So every change of rows is one statement over the whole table.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from typing import Final

from apelschema import checks, names, runner
from apelschema import way as ways
from apelschema.db.introspect import seen_once
from apelschema.environment import VERSION_TABLE_MADE
from apelschema.errors import CannotRun
from apelschema.revisions import PlannedStep
from apelschema.runner import Settings
from apelschema.script.guard import write_guard
from apelschema.script.statements import demand_possible, write_step, write_texts
from apelschema.script.transcript import Transcript
from apelschema.steps.base import ColumnStep, Context, State, foreign
from apelschema.steps.stored import Put
from apelschema.way import Way

_LOCK_WAIT: Final = 300
"""Seconds: a run waits a little and tries again, a script cannot."""


def write(settings: Settings, to: str) -> str:
    """The script to a TARGET; only reads the database.

    Raises CannotRun when there is nothing to write, for a way back, and for what only a run can do; FoundWrong for
    blockers of the checks, writers aside, who are to be stopped when the script runs.
    """
    with Transcript(settings.target) as transcript, seen_once(transcript):
        at_rest = replace(settings, writers="wait")
        way = ways.find(transcript, at_rest, "upgrade", to)
        _demand(transcript, at_rest, way)
        steps = runner.plan(transcript, at_rest, to, "upgrade")
        for each in steps:
            if each.standing.state is State.FOREIGN:
                raise foreign(each.planned.step, each.standing)
        demand_possible(steps)
        context = runner.surroundings(transcript, at_rest, list(way.listed))
        return _script(transcript, context, way, steps)


def _demand(transcript: Transcript, settings: Settings, way: Way) -> None:
    """What a run would refuse, and what it would do beside the steps of the revisions."""
    if not way.listed:
        raise CannotRun(f"The database is at {way.end} already: there is nothing to write.")
    if way.from_name is None:
        raise CannotRun(
            "The database is empty, and a script is for one that holds data.", hint="Use apelschema upgrade."
        )
    context = runner.surroundings(transcript, settings, list(way.listed))
    if context.journal.unfinished() or any(each.revision == way.from_revision for each in way.listed):
        raise CannotRun("An earlier run has left something to do.", hint="Finish it: apelschema upgrade.")
    checks.demand(ways.situation(transcript, settings), way.listed)


def _script(transcript: Transcript, context: Context, way: Way, steps: Sequence[PlannedStep]) -> str:
    transcript.part("A lock is waited for longer than by a run, which tries again.")
    transcript.execute(f"SET SESSION lock_wait_timeout = {_LOCK_WAIT}, innodb_lock_wait_timeout = {_LOCK_WAIT}")
    transcript.part("The guard: goes on only with the database that this was written for.")
    fingerprint = write_guard(transcript)
    transcript.part("The version row moves with every revision.")
    transcript.execute(VERSION_TABLE_MADE)
    settled: set[ColumnStep] = set()
    at = way.from_revision
    for revision, group in groupby(steps, key=lambda each: each.planned.revision):
        _write_steps(transcript, context.at(revision), list(group), settled)
        _move(transcript, at, revision)
        at = revision
    transcript.part("")
    transcript.execute(f"SELECT 'The database is at {way.end}. Next: apelschema verify' AS done")
    return "\n".join([*_header(context, way, fingerprint), transcript.text])


def _write_steps(
    transcript: Transcript, context: Context, steps: Sequence[PlannedStep], settled: set[ColumnStep]
) -> None:
    """One revision; labels that were settled before in the same script stay so, since nothing else writes."""
    left = [each for each in steps if not each.is_settled and each.planned.step not in settled]
    for are_texts, group in groupby(left, key=lambda each: isinstance(each.planned.step, Put)):
        members = list(group)
        if are_texts:
            transcript.part(f"{context.revision}: routines and views")
            write_texts(transcript, context, members)
            continue
        for each in members:
            transcript.part(each.planned.name, *([] if each.description.sql else [each.description.algorithm]))
            write_step(transcript, context, each)
            if isinstance(each.planned.step, ColumnStep):
                settled.add(each.planned.step)


def _move(transcript: Transcript, at: str | None, to: str) -> None:
    """Move the version row."""
    table = names.VERSION_TABLE
    transcript.part(f"Revision {to} is done.")
    change = f"INSERT INTO {table} (version_num) VALUES ('{to}')"
    transcript.execute(change if at is None else f"UPDATE {table} SET version_num = '{to}' WHERE version_num = '{at}'")


def _header(context: Context, way: Way, fingerprint: str) -> list[str]:
    lines = (
        f"apelschema {version('apelschema')}: from {way.from_name} to {way.to_name}",
        f"of the database {way.shown}, {context.session.server.name}",
        f"written {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC; fingerprint {fingerprint}",
        f"policy {context.policy.to_json()}",
        "",
        "Run it as the account that it was written with, after a backup, with loaders, summariser, unloader and",
        "partition job stopped; --comments keeps the comments in the routines:",
        "",
        f"  {context.session.server.family} --default-character-set=utf8mb4 --comments DATABASE < FILE",
        "",
        "Each change of rows is one statement, and one transaction, over the whole table. The client stops at the",
        "first error. Do not run it again then, and never with --force: apelschema upgrade looks how things stand and",
        "finishes what was begun. Nothing is kept for apelschema downgrade: the way back is the backup.",
    )
    return [f"-- {' '.join(each.split())}" if not each.startswith(" ") else f"--   {each.strip()}" for each in lines]
