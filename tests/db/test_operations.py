"""Operations and revisions: pure data, in one line, and texts that reach the server as they are written."""

import ast
from pathlib import Path
from typing import Final

import pytest

from apelschema import operations, procedures, revisions
from apelschema.catalogue.load import load
from apelschema.db.session import Session
from apelschema.db.stored import read_stored, replace_stored
from apelschema.errors import CannotRun
from apelschema.procedures import Source
from apelschema.resources import folder
from apelschema.steps.base import Step
from apelschema.steps.stored import PutRoutine, PutView
from tests.conftest import MakeDatabase, OpenSession
from tests.support.content import POLICY, install_with, stamp
from tests.support.dump import stored_of, whole
from tests.support.runs import downgrade, surroundings, upgrade

REVISIONS: Final = (
    "221_baseline", "230_types", "230_routines", "230_figures", "241_routines", "241_keys", "250_columns",
    "250_routines",
)  # fmt: skip

BODY: Final = """CREATE PROCEDURE SummariseJobs ()
BEGIN
    -- 100% of :jobs {everything} %s %(name)s
    DECLARE said VARCHAR(255) DEFAULT 'a % b %s :name {} "quoted" `ticked` it''s; DELIMITER // Zürich 雪';
    SELECT said, 7 % 4 AS modulo, '%d' LIKE '%' AS alike;
END"""
SAID: Final = 'a % b %s :name {} "quoted" `ticked` it\'s; DELIMITER // Zürich 雪'


def files() -> list[Path]:
    return sorted((folder("migrations") / "versions" / "server").glob("*.py"))


def every_step() -> list[Step]:
    return [each.step for each in revisions.steps_between(None, revisions.head())]


def test_there_is_one_head_and_one_way():
    scripts = list(revisions.scripts().walk_revisions())
    assert revisions.scripts().get_heads() == [REVISIONS[-1]]
    assert tuple(script.revision for script in reversed(scripts)) == REVISIONS
    assert len(files()) == len(scripts)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_revision_is_pure_data(path: Path):
    """Calls of operations, loops over names, and nothing that could look at a database."""
    tree = ast.parse(path.read_text("utf-8"))
    imported = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imported == ["from alembic import op"]
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(functions) == {"upgrade", "downgrade"}
    for function in functions.values():
        for node in ast.walk(function):
            assert not isinstance(node, ast.If | ast.While | ast.Try | ast.With | ast.IfExp | ast.Lambda)
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func).startswith("op."), ast.unparse(node)
    assert [ast.unparse(each) for each in functions["downgrade"].body] == ["op.undo(upgrade)"]


def test_revisions_have_short_ids_and_a_release():
    for script in revisions.scripts().walk_revisions():
        assert len(script.revision) <= 12
        assert revisions.release_of(script) in ("2.2.1", "2.3.0", "2.4.1", "2.5.0")
        assert Path(script.path).stem.startswith(script.revision.split("_")[0])
        assert script.doc


def test_collecting_does_nothing_and_gives_the_steps_in_order():
    scripts = revisions.scripts()
    module = scripts.get_revision("230_routines").module
    up = operations.collect(module.upgrade)
    down = operations.collect(module.downgrade)
    assert [step for _, step in down] == [step for _, step in reversed(up)]
    assert {direction for direction, _ in up} == {"do"}
    assert {direction for direction, _ in down} == {"undo"}


def test_keys_of_steps_are_their_own_within_a_revision():
    for revision in REVISIONS:
        keys = [each.step.key for each in revisions.steps_of(revision, "do")]
        assert len(set(keys)) == len(keys)
        assert all(len(key) <= 128 for key in keys)


def test_labels_are_settled_behind_routines_and_barrier():
    """Else an old body writes another label behind them (semantics.md section 4 item 5)."""
    kinds = [each.step.kind for each in revisions.steps_of("230_routines", "do")]
    last_routine = max(number for number, kind in enumerate(kinds) if kind == "routine")
    assert kinds.index("support") < kinds.index("routine")
    assert kinds.index("sourceless") < kinds.index("routine")
    assert last_routine < kinds.index("barrier") < kinds.index("settle") < kinds.index("relabel")
    figures = [each.step.kind for each in revisions.steps_of("230_figures", "do")]
    assert figures == ["barrier", "backfill"]


@pytest.mark.parametrize("kind", ["routine", "view"])
def test_every_file_below_procedures_is_used_by_a_revision(kind: str):
    put = {
        (step.name, step.release)
        for step in every_step()
        if isinstance(step, PutRoutine if kind == "routine" else PutView)
    }
    there = {(path.parent.name, path.stem) for path in (folder("procedures") / "server" / f"{kind}s").glob("*/*.sql")}
    assert there
    assert there == put


def test_every_object_of_the_catalogue_is_put_by_the_baseline():
    entry = load("2.2.1")
    put = {each.step.object for each in revisions.steps_of("221_baseline", "do")}
    assert put == {*entry.tables, *entry.routines, *entry.views, "database"}


# Text


@pytest.fixture
def db(make_database: MakeDatabase, session: OpenSession) -> Session:
    db = session(make_database())
    install_with(db)
    stamp(db)
    return db


def test_text_goes_to_the_server_unchanged(db: Session, monkeypatch: pytest.MonkeyPatch):
    """Through the step's own path: no DELIMITER, no bind parameters, no percent signs doubled or lost."""
    real = procedures.source

    def source(kind, name: str, release: str) -> Source:
        if (name, release) == ("SummariseJobs", "2.3.0"):
            return Source(kind, name, release, BODY)
        return real(kind, name, release)

    monkeypatch.setattr(procedures, "source", source)
    upgrade(db.target)
    found = read_stored(db, "procedure", "SummariseJobs")
    assert found.statement is not None
    assert found.statement.split("BEGIN", 1)[1] == BODY.split("BEGIN", 1)[1]
    assert db.rows("CALL SummariseJobs()") == [(SAID, 3, 1)]


@pytest.mark.parametrize(
    "sql_mode",
    ["", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT,IGNORE_SPACE,STRICT_ALL_TABLES"],
)
def test_text_with_odd_comments_comes_back_to_the_letter(db: Session, sql_mode: str):
    """What a site wrote into a routine, in whatever mode and script: kept and put back."""
    text = procedures.text("routine", "NormaliseSummaries", "2.2.1").replace(
        "BEGIN", "BEGIN\n-- 100% of :jobs {x} %s 'quoted\" \\ Zürich 雪 //\n/* ; DELIMITER ;; */", 1
    )
    with db.using(sql_mode=sql_mode, character_set="utf8mb4", collation="utf8mb4_unicode_ci"):
        replace_stored(db, "procedure", "NormaliseSummaries", text)
    before = whole(db.target)
    assert stored_of(db)["NormaliseSummaries"].sql_mode == sql_mode
    upgrade(db.target)
    assert stored_of(db)["NormaliseSummaries"] != before[2]["NormaliseSummaries"]
    downgrade(db.target)
    assert whole(db.target) == before


def test_statement_of_a_plan_is_the_whole_text(db: Session):
    """Nothing is shortened: plan and run are the same statement."""
    step = PutRoutine("CopyNormalisedSummaries", "2.3.0")
    (statement,) = step.describe(surroundings(db, POLICY)).sql
    assert statement.split("BEGIN", 1)[1] == procedures.text("routine", step.name, "2.3.0", POLICY).split("BEGIN", 1)[1]


def test_resolve_knows_ids_only_in_full_or_unmistakably():
    assert revisions.resolve("230_routines", None) == "230_routines"
    assert revisions.resolve("2.2.1", None) == "221_baseline"
    assert revisions.resolve("base", "230_types") is None
    assert revisions.resolve("+1", None) == "221_baseline"
    for nonsense in ("", "230", "x", "+0x", "-", "2.3"):
        with pytest.raises(CannotRun, match="is no release or revision"):
            revisions.resolve(nonsense, "230_types")
