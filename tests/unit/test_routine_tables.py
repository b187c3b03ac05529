"""The words that routines write are those that the rest of the tool looks for."""

import pytest

from apelschema import names, procedures, routine_tables


@pytest.mark.parametrize(
    ("routine", "words"),
    [
        ("ReplaceNormalisedSummary", [routine_tables.SENT_AGAIN]),
        (
            "CopyNormalisedSummaries",
            [
                routine_tables.BOTH_CLASSES,
                routine_tables.STALE_COPY,
                routine_tables.COPY_MARK,
                routine_tables.LEVEL_ZERO_MARK,
            ],
        ),
    ],
)
def test_words_in_the_tables_of_routines(routine: str, words: list[str]):
    text = procedures.text("routine", routine, "2.3.0")
    assert [word for word in words if f"'{word}'" not in text] == []
    assert names.REPLACED in text


@pytest.mark.parametrize(("routine", "mark"), routine_tables.FIRST_MARKS.items())
def test_marks_of_first_runs(routine: str, mark: str):
    assert f"'{mark}'" in procedures.text("routine", routine, "2.3.0")


@pytest.mark.parametrize("routine", procedures.names("routine", "2.3.0"))
def test_no_routine_ends_a_transaction_or_changes_a_table(routine: str):
    statements = procedures.text("routine", routine, "2.3.0").upper()
    for word in ("COMMIT;", "ROLLBACK", "START TRANSACTION", "TEMPORARY", "TRUNCATE", "ALTER ", "FLOAT", "DOUBLE,"):
        assert word not in statements.replace("-- DOUBLE", "")
