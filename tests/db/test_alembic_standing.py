"""pytest-alembic's standing tests of the revisions, through Alembic's own machinery, on a real server.

Its test_model_definitions_match_ddl is left out: it asks autogenerate whether SQLAlchemy models equal the tables, and
there are no models. What the tables must be is held against the catalogue instead (test_straight, test_verify).
"""

from collections.abc import Iterator

import pytest
import sqlalchemy
from alembic.config import Config
from pytest_alembic.tests import test_single_head_revision, test_up_down_consistency, test_upgrade

from apelschema import revisions
from apelschema.db.connect import Target
from apelschema.db.connect import alembic_engine as engine_of
from apelschema.runner import SETTINGS, Settings

__all__ = ["test_single_head_revision", "test_up_down_consistency", "test_upgrade"]


@pytest.fixture
def alembic_config(database: Target) -> Config:
    """Alembic's configuration as the command line has it, for an empty database."""
    config = revisions.configuration()
    config.attributes[SETTINGS] = Settings(database, central=False)  # cheaper; central objects are no matter of Alembic
    return config


@pytest.fixture
def alembic_engine(database: Target) -> Iterator[sqlalchemy.Engine]:
    """An engine on the same database: pytest-alembic reads the version row through it."""
    engine = engine_of(database)
    yield engine
    engine.dispose()
