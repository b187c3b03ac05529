"""Where our routines and views differ from the golden vectors on purpose: by case, with the hazard that is settled."""

from collections.abc import Callable, Iterable
from typing import Final

from tests.support.vectors import Difference

Case = Callable[[Difference], bool]

_NORMALISED: Final = (
    "NormalisedSummaries",
    "HybridSuperSummaries",
    "VNormalisedSummaries",
    "VNormalisedSuperSummaries",
    "VSuperSummaries",
)
_TOTALS: Final = ("VSumCPU", "VUserCPU", "VUserSummaries")
_HISTORY: Final = ("VSpecIntHistory", "VHepSpecHistory")


def _site(difference: Difference) -> str:
    columns = [name for name in ("SiteID", "Site", "ExecutingSite") if name in difference.columns]
    return str(difference[columns[0]]) if columns else ""


def _level(difference: Difference) -> float:
    return float(difference[next(name for name in ("SpecInt2000", "HepSpec06") if name in difference.columns)])


def n01_to_n04_one_class_under_a_key(difference: Difference) -> bool:
    """H1, H9: N02 (typed) beside N01, then N03 and N04 (untyped), then N06 (typed): the last word stays, 51 jobs."""
    return (
        difference.thing in _NORMALISED
        and _site(difference) == "NORM-SITE-A"
        and difference.side == "expected"
        and difference["ServiceLevelType"] in ("HEPSPEC", "None", "")
    )


def _total_of_norm_site_a(difference: Difference, *, got: int, expected: int) -> bool:
    if difference.thing not in _TOTALS or _site(difference) != "NORM-SITE-A":
        return False
    jobs = next(difference[name] for name in ("Njobs", "TotalNumberOfJobs") if name in difference.columns)
    return int(jobs) == (got if difference.side == "got" else expected)


def total_of_n06(difference: Difference) -> bool:
    """H1 in the totals: N06 alone. N05 had another infrastructure, which is no part of the key: it was replaced."""
    return _total_of_norm_site_a(difference, got=51, expected=141)


def total_of_n05_and_n06(difference: Difference) -> bool:
    """H1 in the totals: N06, and N05 of another infrastructure, which is in the key from 2.4.1 on (H4)."""
    return _total_of_norm_site_a(difference, got=56, expected=146)


def n09_and_n16_types_in_lower_case(difference: Difference) -> bool:
    """H5: N09 with P04 (Si2k) and N16 (HEPscore23) differ in letter case alone."""
    if difference.thing not in _NORMALISED or _site(difference) not in ("NORM-SITE-B", "NORM-SITE-C"):
        return False
    shown = difference["ServiceLevelType"]
    return shown in (("si2k", "hepscore23") if difference.side == "got" else ("Si2k", "HEPscore23"))


def history_without_copies(difference: Difference) -> bool:
    """H17: copies of normalised summaries, whose level nobody knows, are no longer shown as level 0."""
    return difference.thing in _HISTORY and difference.side == "expected" and _level(difference) == 0


def j10_and_s07_in_the_history(difference: Difference) -> bool:
    """H17: an untyped job (J10) and summary (S07) with level 1 are shown, since they have a level."""
    if difference.thing not in _HISTORY or _site(difference) not in ("RAL-LCG2", "SUM-SITE-A"):
        return False
    jobs = {"RAL-LCG2": (2, 3), "SUM-SITE-A": (200, 300)}[_site(difference)]
    shown = next(difference[name] for name in ("Njobs", "NumberOfJobs") if name in difference.columns)
    return _level(difference) in (1, 250) and int(shown) == jobs[difference.side == "got"]


_MAIN: Final[tuple[Case, ...]] = (
    n01_to_n04_one_class_under_a_key,
    n09_and_n16_types_in_lower_case,
    history_without_copies,
    j10_and_s07_in_the_history,
)


def _in(phase: str, difference: Difference) -> bool:
    return difference.phase == phase


def f01_null_durations_do_not_stop_the_rest(difference: Difference) -> bool:
    """H23: F01's group has NULL durations only: summed as 0, and F02 is summarised too."""
    return _in("null-durations", difference) and (
        difference.side == "got" or difference.row == (1048,)  # of SummariseJobs
    )


def f04_job_without_infrastructure(difference: Difference) -> bool:
    """H23: F04's NULL infrastructure is stored as 'None', and summarised."""
    return _in("null-infrastructure-job", difference) and (
        difference.thing in ("JobRecords", "VJobRecords", "SummariseJobs", *_HISTORY) or difference.side == "got"
    )


def f06_overflow_is_clamped(difference: Difference) -> bool:
    """H24: F06's normalised durations leave 64 bits: 2^64 - 1, and no error."""
    if not _in("overflow", difference):
        return False
    if difference.thing == "HybridSuperSummaries" and difference["NormalisedWallDuration"] != 2**64 - 1:
        return False
    return difference.side == "got" or difference.row == (1264,)


def f08_f09_f10_without_infrastructure_or_type(difference: Difference) -> bool:
    """H23: F08 and F09 have no infrastructure, F10 no type: stored as 'None' and '', and summarised."""
    if difference.phase not in (
        "null-infrastructure-summary",
        "null-infrastructure-normalised",
        "null-type-normalised",
    ):
        return False
    if difference.row == (1048,):
        return difference.side == "expected"
    if difference.side == "expected":
        infrastructure = "InfrastructureType" if "InfrastructureType" in difference.columns else "Infrastructure"
        return _site(difference) in ("F8", "F9") and difference[infrastructure] is None
    return difference.thing == "Sites" or "F8" in difference.row or {"F9", "F10"} & set(difference.row) != set()


def f09_and_f10_names_are_known(difference: Difference) -> bool:
    """H23: from 2.4.1 on F9 was refused officially as F10 is, so that their user, VO, group and host stayed unknown."""
    return (
        difference.phase in ("null-infrastructure-normalised", "null-type-normalised")
        and difference.thing in ("DNs", "VOs", "VOGroups", "SubmitHosts")
        and difference.side == "got"
    )


_FAILURES: Final[tuple[Case, ...]] = (
    f01_null_durations_do_not_stop_the_rest,
    f04_job_without_infrastructure,
    f06_overflow_is_clamped,
    f08_f09_f10_without_infrastructure_or_type,
)


AMBIGUOUS: Final[tuple[Case, ...]] = (history_without_copies,)
"""Of the set ``server-2.5.0-ambiguous``, once the cells that the engine chose are left out."""


def main(release: str) -> tuple[Case, ...]:
    """What has to turn up in the main set of a release, and nothing else."""
    return (*_MAIN, total_of_n06 if release == "2.3.0" else total_of_n05_and_n06)


def failures(release: str) -> tuple[Case, ...]:
    """What has to turn up in the set of failures of a release, and nothing else."""
    return _FAILURES if release == "2.3.0" else (*_FAILURES, f09_and_f10_names_are_known)


def held_against(found: Iterable[Difference], cases: tuple[Case, ...]) -> tuple[list[str], list[str]]:
    """Differences that are none of the cases, and names of cases that did not turn up: two empty lists are right."""
    found = list(found)
    unexplained = [str(each) for each in found if not any(case(each) for case in cases)]
    missing = [case.__name__ for case in cases if not any(case(each) for each in found)]
    return unexplained, missing
