"""Walking through a table: every row exactly once, whatever the pieces, wherever it stopped."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from apelschema.db.session import Session
from apelschema.errors import Stopped
from apelschema.journal import Journal
from apelschema.journal_notes import Run, StepLog
from apelschema.policy import Policy
from apelschema.steps import chunks
from apelschema.steps.base import Context
from apelschema.steps.chunks import Pace, Piece, walk
from tests.support.servers import TestServer

KEY: Final = ("Site", "Name", "Level", "Ended")

texts = st.sampled_from(["", "a", "B", "b c", "ö", "Z", "zz", "%s", "it's", "\\", "{x}", ":n", "雪", "a\tb"])
levels = st.sampled_from(
    [Decimal("0.000"), Decimal("0.001"), Decimal("10.500"), Decimal("9999999.999"), Decimal("-1.000")]
)
dates = st.sampled_from(["2023-01-01 00:00:00", "2023-01-01 00:00:01", "2024-12-31 23:59:59"])
keys = st.tuples(st.integers(-2, 3), texts, levels, dates)
tables = st.lists(keys, max_size=25, unique_by=lambda key: (key[0], key[1].lower(), *key[2:]))


@pytest.fixture(scope="module")
def context(server: TestServer) -> Iterator[Context]:
    """A database with one table of a key as long and mixed as hybrid's, and the journal."""
    target = server.create_database("utf8mb4", "utf8mb4_general_ci")
    with Session(target) as db:
        db.execute(
            "CREATE TABLE Walked (Site INT, Name VARCHAR(50), Level DECIMAL(10,3), Ended DATETIME,"
            f" Visits INT NOT NULL DEFAULT 0, PRIMARY KEY ({', '.join(KEY)})) ENGINE=InnoDB"
        )
        journal = Journal(db)
        journal.ensure()
        run = journal.begin("upgrade", "r", None, "{}", central=True)
        yield Context(db, journal, Policy(), central=True, run=run, revision="r")
    server.drop_database(target)


def fill(context: Context, rows: list[tuple[Any, ...]]) -> None:
    context.session.execute("DELETE FROM Walked")
    for row in rows:
        context.session.execute(f"INSERT INTO Walked ({', '.join(KEY)}) VALUES (%s, %s, %s, %s)", row)


def begin(context: Context, step: str = "walk") -> StepLog:
    run = context.run
    assert isinstance(run, Run)
    return context.journal.begin_step(run, "r", step, "do", "before")


def forget(context: Context) -> None:
    context.session.execute("DELETE FROM apelschema_steps")


def visiting(context: Context) -> Callable[[Piece], int]:
    def visit(piece: Piece) -> int:
        condition, arguments = piece.condition()
        return context.session.execute(f"UPDATE Walked SET Visits = Visits + 1 WHERE {condition}", arguments)

    return visit


def visits(context: Context) -> list[int]:
    return [row[0] for row in context.session.rows(f"SELECT Visits FROM Walked ORDER BY {', '.join(KEY)}")]


def in_pieces_of(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first pieces have these sizes, the later ones that of the last."""
    rest = iter(sizes[1:])
    monkeypatch.setattr(chunks, "FIRST_ROWS", sizes[0])
    monkeypatch.setattr(Pace, "next_size", lambda self, rows, took: next(rest, sizes[-1]))


relaxed = settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # to shrink an example over a database takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@relaxed
@given(rows=tables, sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_every_row_is_visited_once(context: Context, rows, sizes):
    fill(context, rows)
    forget(context)
    with pytest.MonkeyPatch.context() as patch:
        in_pieces_of(sizes, patch)
        walk(context, begin(context), "Walked", KEY, visiting(context))
    assert visits(context) == [1] * len(rows)
    log = context.journal.step("r", "walk")
    assert log is not None
    assert log.walked
    assert log.rows_changed == len(rows)


@relaxed
@given(rows=tables, size=st.integers(1, 8), stops=st.lists(st.integers(1, 9), max_size=3), piece=st.integers(1, 8))
def test_stopped_and_resumed_anywhere_still_once(context: Context, rows, size, stops, piece):
    """Stops at checkpoints, and errors within a piece, which take its transaction back."""
    fill(context, rows)
    forget(context)
    with pytest.MonkeyPatch.context() as patch:
        in_pieces_of([size, piece], patch)
        for stop in stops:
            stopping = Stops(context, stop)
            with suppress(Stopped):
                walk(stopping.context, begin(context), "Walked", KEY, stopping.act)
        walk(context, begin(context), "Walked", KEY, visiting(context))
    assert visits(context) == [1] * len(rows)


class Stops:
    """Raises at the n-th occasion: a checkpoint, or the end of a piece whose rows were changed."""

    def __init__(self, context: Context, number: int) -> None:
        self.left = number
        self.context = replace(context, checkpoint=self.check)
        self._visit = visiting(context)

    def check(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Stopped("Stopped on purpose.")

    def act(self, piece: Piece) -> int:
        changed = self._visit(piece)
        self.check()
        return changed


@relaxed
@given(rows=tables, size=st.integers(1, 8), data=st.data())
def test_walk_ends_with_the_last_key_given(context: Context, rows, size, data):
    fill(context, rows)
    forget(context)
    there = context.session.rows(f"SELECT {', '.join(KEY)} FROM Walked ORDER BY {', '.join(KEY)}")
    last = data.draw(st.sampled_from(there)) if there else None
    with pytest.MonkeyPatch.context() as patch:
        in_pieces_of([size], patch)
        walk(context, begin(context), "Walked", KEY, visiting(context), last)
    upto = there.index(last) + 1 if last else len(there)
    assert visits(context) == [1] * upto + [0] * (len(there) - upto)


@relaxed
@given(rows=tables, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_pieces_that_lose_their_rows_make_no_gap(context: Context, rows, sizes):
    """What relabelling and giving back do: rows vanish behind the walk."""
    fill(context, rows)
    forget(context)
    seen: list[tuple[Any, ...]] = []

    def remove(piece: Piece) -> int:
        condition, arguments = piece.condition()
        seen.extend(context.session.rows(f"SELECT {', '.join(KEY)} FROM Walked WHERE {condition}", arguments))
        return context.session.execute(f"DELETE FROM Walked WHERE {condition}", arguments)

    with pytest.MonkeyPatch.context() as patch:
        in_pieces_of(sizes, patch)
        walk(context, begin(context), "Walked", KEY, remove)
    assert len(seen) == len(set(seen)) == len(rows)
    assert visits(context) == []


def test_piece_of_a_transaction_that_meets_a_lock_is_done_again_as_a_whole(context: Context):
    fill(context, [(1, "a", 1, "2024-01-01"), (1, "b", 1, "2024-01-01")])
    forget(context)
    context.session.execute("SET SESSION innodb_lock_wait_timeout = 1")
    with Session(context.session.target) as other:
        other.execute("START TRANSACTION")
        other.execute("UPDATE Walked SET Ended = Ended WHERE Name = 'b'")
        other.rows("SELECT * FROM Walked WHERE Name = 'b' FOR UPDATE")
        tries = 0
        visit = visiting(context)

        def act(piece: Piece) -> int:
            nonlocal tries
            tries += 1
            if tries == 3:
                other.execute("ROLLBACK")
            return visit(piece)

        walk(context, begin(context), "Walked", KEY, act)
    assert tries == 3
    assert visits(context) == [1, 1]


def test_watermark_is_that_of_the_last_full_piece(context: Context, monkeypatch: pytest.MonkeyPatch):
    fill(context, [(1, name, Decimal("1.000"), "2024-01-01") for name in "abcde"])
    forget(context)
    in_pieces_of([2], monkeypatch)
    walk(context, begin(context), "Walked", KEY, visiting(context))
    log = context.journal.step("r", "walk")
    assert log is not None
    assert log.watermark is not None
    assert log.watermark[:3] == (1, "d", Decimal("1.000"))
    mark = context.session.value("SELECT Watermark FROM apelschema_steps")
    assert json.loads(mark)[1] == "d"


def test_condition_uses_the_key(context: Context):
    """As ORs of ANDs: the range optimiser leaves row values alone."""
    fill(context, [(site, name, Decimal("1.000"), "2024-01-01") for site in range(40) for name in "abcde"])
    context.session.rows("ANALYZE TABLE Walked")
    piece = Piece(KEY, (20, "b", Decimal("1.000"), "2024-01-01"), (21, "c", Decimal("1.000"), "2024-01-01"))
    condition, arguments = piece.condition()
    query = f"EXPLAIN FORMAT=TRADITIONAL SELECT Visits FROM Walked WHERE {condition}"
    plan = context.session.dicts(query, arguments)[0]
    assert plan["type"] == "range"
    assert plan["key"] == "PRIMARY"


@given(rows=st.integers(1, 10**6), took=st.floats(0, 1000))
def test_pace_nears_its_target_by_at_most_twice(rows: int, took: float):
    pace = Pace(0.5, 100_000)
    wanted = pace.next_size(rows, took)
    assert 1 <= wanted <= 100_000
    assert wanted <= max(rows * 2, chunks.FEWEST_ROWS)
    assert wanted >= min(rows // 2, 100_000, chunks.FEWEST_ROWS)


def test_pieces_are_small_on_a_cluster(context: Context, monkeypatch: pytest.MonkeyPatch):
    assert Pace.of(context.session).seconds == 0.5
    monkeypatch.setattr(context.session, "server", replace(context.session.server, galera=True))
    pace = Pace.of(context.session)
    assert 0.02 <= pace.seconds <= 0.075
    assert pace.most_rows == 5000
