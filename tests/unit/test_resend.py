"""Corrected history without a server: months as they are typed, what is printed for the unloader."""

import io

import pytest
from rich.console import Console

from apelschema.db.connect import Target
from apelschema.errors import CannotRun
from apelschema.report import ResendDocument
from apelschema.resend.corrected import Corrected, SiteMonth
from apelschema.resend.database import Made
from apelschema.resend.months import Months, ranges

TARGET = Target("db.example.org", 3307, user="somebody", password="s3cret", database="apelserver")
SITES = tuple(
    SiteMonth(f"SITE-{letter}", year, month, ("figures",), (number,))
    for number, letter in enumerate("AB")
    for year in (2023, 2024)
    for month in range(1, 13)
)
MADE = Made("apel_resend", "VNormalisedSuperSummaries", 1234, 567890)


@pytest.mark.parametrize(
    ("typed", "within", "without"),
    [
        ("all", [(1, 1), (2023, 13)], []),
        ("2023-05", [(2023, 5)], [(2023, 4), (2023, 6), (2024, 5)]),
        ("2023-11..2024-02", [(2023, 11), (2023, 12), (2024, 2)], [(2023, 10), (2024, 3)]),
        ("2023-05, 2023-07..2023-07", [(2023, 5), (2023, 7)], [(2023, 6)]),
    ],
)
def test_months_mean_what_was_typed(typed, within, without):
    months = Months.parse(typed)
    assert all(months.includes(each) for each in within)
    assert not any(months.includes(each) for each in without)


@pytest.mark.parametrize(
    "typed", ["", "2023", "2023-5", "2023-13", "2023-00", "2023-05..", "2023-05,", "2024-01..2023-12"]
)
def test_other_texts_are_refused(typed):
    with pytest.raises(CannotRun):
        Months.parse(typed)


def test_months_that_follow_one_another_are_a_span():
    assert ranges([(2024, 1), (2023, 12), (2023, 11), (2024, 3), (2023, 12)]) == "2023-11..2024-01, 2024-03"
    assert ranges([]) == ""


@pytest.mark.parametrize("width", [80, 140])
def test_what_is_printed_can_be_copied_and_holds_no_account(width):
    document = ResendDocument(TARGET, Corrected("2.5.0", True, SITES, (3,), True), MADE)
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    with console.capture() as captured:
        for part in document.as_text(width):
            console.print(part)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert max(map(len, lines)) <= width
    for line in (
        "[db]", "hostname = db.example.org", "port = 3307", "name = apel_resend", "username = ...", "password = ...",
        "table_name = VNormalisedSuperSummaries", "interval = all", "dict_benchmark_type = true",
        "GRANT SELECT ON `apel_resend`.`VNormalisedSuperSummaries` TO <account>;",
        "GRANT SELECT ON `apel_resend`.`LastUpdated` TO <account>;",
        "GRANT EXECUTE ON PROCEDURE `apel_resend`.`UpdateTimestamp` TO <account>;",
        "    apelschema resend --drop --scratch apel_resend",
    ):  # fmt: skip
        assert line in lines
    assert "48 months of 2 sites" in lines[0]
    assert sum("2023-01..2024-12" in line for line in lines) == 2
    everything = captured.get() + str(document.as_json())
    assert not any(word in everything for word in ("s3cret", "somebody"))
