"""The harness itself can fail: what it compares, it sees; what it covers, it counts."""

import pytest

from apelschema import names
from apelschema.db.session import Session
from tests.faults.commands import Truth
from tests.faults.conftest import Ready
from tests.faults.standing import differences, standing
from tests.faults.statements import Changes, Recorder, watched

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SPOILT = {
    "HybridSuperSummaries: 1 rows too many, 1 too few": "UPDATE HybridSuperSummaries SET UpdateTime = UpdateTime"
    " + INTERVAL 1 SECOND ORDER BY SiteID LIMIT 1",
    "Summaries: is another": "ALTER TABLE Summaries COMMENT = 'x'",
    "VSumCPU: is another": "DROP VIEW VSumCPU",
    "collation: latin1_bin instead of ": "ALTER DATABASE COLLATE latin1_bin",
    "revision: 230_types instead of ": f"UPDATE {names.VERSION_TABLE} SET version_num = '230_types'",
    "runs: too much ": f"UPDATE {names.RUNS} SET State = 'stopped'",
    "open_revisions: too much ": f"UPDATE {names.REVISIONS} SET EndedAt = NULL LIMIT 1",
    "steps: too much ": f"UPDATE {names.STEPS} SET State = 'running' LIMIT 1",
    "apelschema_kept_backfill: ": "DELETE FROM apelschema_kept_backfill LIMIT 1",
    "apelschema_ledger: ": f"DELETE FROM {names.LEDGER} LIMIT 1",
    "is_free: False instead of True": f"INSERT INTO {names.LEASE} VALUES (1, 'me', 'me', 0, UTC_TIMESTAMP(6),"
    " UTC_TIMESTAMP(6) + INTERVAL 1 MINUTE)",
}


@pytest.mark.slow
def test_every_difference_is_seen(ready: Ready, truth: Truth):
    target = ready("downgrade")  # a database that was upgraded
    with Session(target) as db:
        db.execute(f"UPDATE {names.LEASE} SET Id = 1")
        for seen, spoil in SPOILT.items():
            known = differences(standing(target), truth.ends["upgrade"])
            db.execute(spoil.replace("0, UTC", f"{db.connection_id}, UTC"))
            more = [each for each in differences(standing(target), truth.ends["upgrade"]) if each not in known]
            assert any(each.startswith(seen) for each in more), (seen, more)


def test_an_undisturbed_run_differs_in_nothing(ready: Ready, truth: Truth):
    assert differences(standing(ready("downgrade")), truth.ends["upgrade"]) == []


def test_the_version_row_and_the_journal_are_among_the_statements(truth: Truth):
    """Alembic's connection and the executor's; reads are not, nor a COMMIT of nothing."""
    sent = truth.sent["upgrade"].changes
    for begins in ("UPDATE alembic_version", "INSERT INTO apelschema_lease", "ALTER TABLE", "CREATE OR REPLACE"):
        assert any(each.startswith(begins) for each in sent), begins
    assert not any(each.startswith(("SELECT", "SHOW", "SET SESSION")) for each in sent)
    assert len(set(sent)) > 150


def test_statements_of_a_transaction_are_named_in_order():
    changes = Changes()
    sent = ["START TRANSACTION", "SELECT 1", "COMMIT", "START TRANSACTION", "UPDATE t SET n = 17", "COMMIT", "COMMIT"]
    assert [changes.name(1, sql) for sql in sent] == [
        None, None, None, None, "UPDATE t SET n =", "UPDATE t SET n = ; COMMIT", None,
    ]  # fmt: skip


def test_hook_does_not_hear_itself(ready: Ready):
    """What a hook sends is not a statement of the run."""
    recorder = Recorder()
    target = ready("upgrade")
    with Session(target) as db, Session(target) as own:

        def hook(stage, connection, sql) -> None:
            own.rows("SELECT 2")
            recorder(stage, connection, sql)

        with watched(hook):
            db.rows("SELECT 1")
    assert recorder.statements == ["SELECT 1"]
