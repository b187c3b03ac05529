"""Alembic's entry: connection and executor come from the package."""

from typing import cast

from alembic import context
from alembic.runtime.environment import EnvironmentContext

from apelschema.environment import run_migrations

run_migrations(cast(EnvironmentContext, context))
