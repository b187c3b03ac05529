"""Alembic's side of a run: what migrations/env.py calls, from the command line and from plain ``alembic`` alike."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.util import CommandError
from sqlalchemy import Connection

from apelschema import names, revisions, runner
from apelschema.db.connect import Target, alembic_engine
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, CannotRun
from apelschema.executor import Executor
from apelschema.listener import LogListener
from apelschema.operations import SINK
from apelschema.policy import Policy
from apelschema.runner import SETTINGS, Settings

VERSION_TABLE_MADE = (
    f"CREATE TABLE IF NOT EXISTS {names.VERSION_TABLE} (version_num VARCHAR(32) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)) ENGINE=InnoDB"
)
"""What makes Alembic's version table, as Alembic itself would."""


def run_migrations(context: EnvironmentContext) -> None:
    """Run what Alembic was asked for, with the executor beneath it.

    Raises the package's errors to its own command line, and Alembic's CommandError to plain ``alembic``.
    """
    if context.is_offline_mode():
        raise CommandError("The state of a database is not known offline: use `apelschema plan --sql`.")
    settings = context.config.attributes.get(SETTINGS)
    if settings is not None:
        _run(context, settings)
        return
    try:
        _take_up(context, settings := _settings_of_alembic())
        _run(context, settings)
    except ApelschemaError as error:
        raise CommandError(str(error)) from error


def _settings_of_alembic() -> Settings:
    url = os.environ.get("APELSCHEMA_URL")
    if not url:
        raise CannotRun("No database is given.", hint="Set APELSCHEMA_URL=mysql+pymysql://user@host/database.")
    policy = os.environ.get("APELSCHEMA_POLICY")
    return Settings(
        Target.from_environment_url(url),
        Policy.read(Path(policy)) if policy else None,
        listener=LogListener(),
    )


def _take_up(context: EnvironmentContext, settings: Settings) -> None:
    """What a stopped run left half-way comes first, under plain alembic's upgrade and downgrade too."""
    options = context.config.cmd_opts
    command = options.cmd[0].__name__ if options is not None else ""
    if command in ("upgrade", "downgrade"):
        with runner.explained(), Session(settings.target) as session:
            runner.take_up(session, settings, command)


def _run(context: EnvironmentContext, settings: Settings) -> None:
    engine = alembic_engine(settings.target)
    with ExitStack() as stack:
        stack.enter_context(runner.explained())
        connection = stack.enter_context(engine.connect())
        session = stack.enter_context(Session(settings.target))
        context.configure(connection=connection)
        migrations = _Migrations(context.get_context().opts["fn"], settings, session, stack)
        options: dict[str, Any] = {"fn": migrations.prepare, "dont_mutate": True, SINK: migrations.take_step}
        context.configure(connection=connection, **options)
        context.run_migrations()
        migrations.read_back()


class _Migrations:
    """Stands between Alembic's list of revisions and the executor."""

    def __init__(self, listed: Any, settings: Settings, session: Session, stack: ExitStack) -> None:
        self._list = listed
        self._settings = settings
        self._session = session
        self._stack = stack
        self._to: str | None = None
        self._executor: Executor | None = None

    def prepare(self, heads: Any, migration: MigrationContext) -> Iterator[Any] | Sequence[Any]:
        """Alembic's revisions, after looking at everything that their steps will meet and taking the lease.

        Only then is Alembic's version table made: a run that is refused changes nothing.
        """
        listed = list(self._list(heads, migration))
        steps = [each for each in listed if isinstance(each, RevisionStep)]
        if steps:
            self._begin(steps, heads)
        if listed:
            cast(Connection, migration.connection).exec_driver_sql(VERSION_TABLE_MADE)
        return listed

    def take_step(self, direction: Any, step: Any) -> None:
        """The sink of the operations."""
        if self._executor is None:
            raise RuntimeError("a step came before the run began")
        self._executor(direction, step)

    def read_back(self) -> None:
        """Demand that the version row says what was done: a lost commit would say otherwise without an error."""
        found = revisions.current(self._session)
        if self._executor is not None and found != self._to:
            raise CannotRun(
                f"The version row says {found} where {self._to} was reached.", hint="Run the command again."
            )

    def _begin(self, steps: list[RevisionStep], heads: Any) -> None:
        listed = ((each.revision, bool(each.is_upgrade)) for each in steps)
        planned = revisions.planned(listed)
        context = runner.surroundings(self._session, self._settings, planned)
        runner.look_ahead(context, self._settings, planned)
        command = "upgrade" if steps[0].is_upgrade else "downgrade"
        at = str(heads[0]) if heads else None
        self._to = next(iter(steps[-1].to_revisions_no_deps), None)
        self._executor = Executor(context, self._settings.listener, self._settings.limits)
        self._stack.enter_context(self._executor.running(command, at, self._to, planned))
        self._stack.enter_context(runner.explained())
        if revisions.current(self._session) != at:
            raise CannotRun("Another run has just moved this database.", hint="Run the same command again.")
