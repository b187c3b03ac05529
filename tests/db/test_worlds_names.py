"""Servers that keep the names of tables in another letter case."""

import pytest

from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from tests.support.runs import upgrade
from tests.support.servers import TestServer, in_memory


def test_a_server_that_folds_names_of_tables_is_refused_and_left_alone():
    """information_schema shows names there that no release has: a database of APEL's would be taken for another's."""
    with PrivateServer(["--lower-case-table-names=1"], base=in_memory()) as private:
        server = TestServer(private.target(), private)
        target = server.create_database()
        server.execute(f"CREATE TABLE {target.database}.HybridSuperSummaries (a INT PRIMARY KEY)")
        for act in (Session, upgrade):
            with pytest.raises(CannotRun, match="lower_case_table_names = 1"):
                act(target)
        assert server.execute(f"SHOW TABLES IN {target.database}") == [("hybridsupersummaries",)]
