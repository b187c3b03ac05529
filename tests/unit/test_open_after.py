"""Which programs may run follows from the objects that stand, not from the step that made them."""

from dataclasses import replace

import pytest

from apelschema.catalogue.load import load
from apelschema.open_after import LOADER, SUMMARISER, UNLOADER, Figures, Objects, OpenAfter, known_releases

RELEASES = ("2.2.1", "2.3.0", "2.4.1", "2.5.0")
TEXTS = (*LOADER, *SUMMARISER, *UNLOADER)


def of(release: str, figures: Figures | None = None) -> Objects:
    """All objects as a release has them."""
    rule: Figures = figures or ("old" if release == "2.2.1" else "new")
    return Objects(dict.fromkeys(load(release).tables, release), dict.fromkeys(TEXTS, release), rule)


def with_texts(objects: Objects, release: str, *names: str) -> Objects:
    return replace(objects, texts={**objects.texts, **dict.fromkeys(names, release)})


def with_tables(objects: Objects, release: str, *names: str) -> Objects:
    return replace(objects, tables={**objects.tables, **dict.fromkeys(names, release)})


def test_the_programs_are_those_of_the_releases_with_revisions():
    assert known_releases() == RELEASES


@pytest.mark.parametrize(
    ("release", "programs"),
    [("2.2.1", ("2.2.1",)), ("2.3.0", ("2.3.0", "2.4.1")), ("2.4.1", ("2.3.0", "2.4.1")), ("2.5.0", ("2.5.0",))],
)
def test_a_whole_release_opens_its_own_programs(release: str, programs: tuple[str, ...]):
    found = of(release).open()
    assert (found.loader, found.summariser, found.unloader) == (programs, RELEASES, programs)
    assert found.whole == programs


def test_other_arguments_close_the_loader_h11():
    assert with_texts(of("2.2.1"), "2.3.0", "ReplaceJobRecord", "ReplaceSummary").open().loader == ("2.2.1",)
    half = with_texts(of("2.4.1"), "2.5.0", "ReplaceSummary")
    assert half.open().loader == ()
    both = with_texts(half, "2.5.0", "ReplaceNormalisedSummary")
    assert both.open().loader == ()  # the tables lack the column
    assert with_tables(both, "2.5.0", *load("2.5.0").tables).open().loader == ("2.5.0",)


def test_a_key_that_the_text_does_not_know_closes_it_h4():
    ahead = with_tables(of("2.3.0"), "2.4.1", "NormalisedSummaries").open()
    assert (ahead.loader, ahead.summariser) == ((), ())
    typed = with_tables(of("2.2.1"), "2.3.0", "NormalisedSummaries").open()
    assert (typed.loader, typed.summariser) == (("2.2.1",), RELEASES)  # which leaves the type to its default


def test_a_column_without_default_that_the_text_leaves_out_closes_the_summariser_h20():
    assert with_tables(of("2.2.1"), "2.3.0", "HybridSuperSummaries").open().summariser == ()


def test_another_column_of_a_view_closes_the_unloader_h12():
    assert with_texts(of("2.2.1"), "2.3.0", "VNormalisedSummaries").open().unloader == ()


def test_figures_under_another_rule_close_the_summariser_and_half_done_ones_the_unloader():
    assert of("2.3.0", "old").open().summariser == ()
    assert of("2.3.0", "old").open().unloader == ("2.3.0", "2.4.1")
    mixed = of("2.3.0", "mixed").open()
    assert (mixed.summariser, mixed.unloader) == ((), ())


def test_an_old_body_that_may_still_be_at_work_closes_the_summariser_h26():
    assert replace(of("2.4.1"), waits=True).open().summariser == ()


def test_what_is_missing_closes_its_programs():
    assert Objects({}, {}, "old").open() == OpenAfter()


def test_in_words_and_as_json():
    found = OpenAfter(("2.2.1",), (), RELEASES)
    assert str(found) == "loader 2.2.1; summariser none; unloader any"
    assert found.as_json() == {"loader": ["2.2.1"], "summariser": [], "unloader": list(RELEASES)}
