"""The HTML report in a real browser: one file, quiet, foldable, printable, and deaf to what a database says."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from apelschema.checks import Finding
from apelschema.db.sizes import TableSize
from apelschema.forecast.base import Cost, Estimate, TypeForecast
from apelschema.inspection import Inspection
from apelschema.policy import Policy
from apelschema.report.check_formats import render
from apelschema.report.html import plots
from apelschema.steps.base import Description, Standing, State
from tests.support import inspections
from tests.support.browser import chromium, visit
from tests.support.inspections import inspection

SITE = "<script>window.ran = 1</script>"
TYPE = '"><img src=x onerror="window.ran = 2">'
MESSAGE = "</p></article></style></title></svg><script>window.ran = 3</script>"
SQL = "SELECT '</code></pre><iframe srcdoc=\"<script>parent.ran = 4</script>\">'"
STEP = "$\\frac{1}{0}$ </text><script>window.ran = 5</script>"
HOSTILE = (SITE, TYPE, MESSAGE, SQL, STEP)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report") / "check.html"
    place.write_text(render(inspection(), "html"))
    return place


def hostile() -> Inspection:
    """Whatever can come from a database or its server says something that a browser would act upon."""
    first, *rest = inspections.steps()[44:]
    step = replace(
        first, standing=Standing(State.FOREIGN, MESSAGE, (MESSAGE,)), description=Description((SQL,), TYPE, TYPE, 1, 1)
    )
    months = [replace(each, type=TYPE, rule_before=SITE) for each in inspections.months(3)]
    part = Cost(STEP, None, STEP, 1, 1.0, 1.0, 1.0, "stated")
    return inspection(
        way=replace(inspection().way, shown=f"db/{SITE}", from_name=SITE),
        server={SITE: TYPE},
        policy=Policy(types={TYPE: "released"}),
        findings=[Finding(SITE, "blocker", SITE, MESSAGE, TYPE), Finding("writers", "info", SITE, MESSAGE, TYPE)],
        steps=[step, *rest],
        sizes=[TableSize(SITE, 1, 1)],
        figures=[replace(each, site=SITE) for each in months],
        months=months,
        estimate=Estimate((part,), 1.0, 1.0, 1.0, 1.0, 1, 1, 1, (MESSAGE,)),
    )


def test_it_is_one_file_that_asks_for_nothing_and_complains_of_nothing(browser: Browser, report: Path):
    with visit(browser, report) as seen:
        seen.page.emulate_media(media="print")
        assert (seen.requests, seen.complaints) == ([], [])
        assert seen.page.locator("script, link[rel=stylesheet], iframe, object, img").count() == 0
        assert "url(http" not in report.read_text()
        policy = seen.page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
        assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_it_says_everything_that_was_found(browser: Browser, report: Path):
    with visit(browser, report) as seen:
        seen.page.emulate_media(media="print")  # which unfolds everything
        shown = " ".join(seen.page.locator("body").inner_text().split())
    of = inspection()
    for each in of.findings:
        assert each.message in shown
        assert each.hint in shown
    for part in of.estimate.parts if of.estimate else ():
        assert part.name in shown
    for planned in (each for each in of.steps if not each.is_settled):
        assert planned.planned.step.key in shown
    for said in (
        "From 2.2.1 To 2.5.0 (revision 250_routines)", "2026-05-04 01:02 UTC, apelschema 0.1.0", "MariaDB 10.11.6",
        "3,367,700 841,925,000 x 250", "level / 250 -> level", "JobRecords 1,234,567,890 2.0 TiB",
        'unlisted types block, backfill all, "custom" released', "hepscore23, 2025-12", "53 steps with nothing to do",
        "May run after it: loader 2.2.1; summariser 2.2.1; unloader 2.2.1.",
        "May run after it: loader none; summariser none; unloader none.",
    ):  # fmt: skip
        assert said in shown


def test_what_is_folded_opens_by_click_and_in_print(browser: Browser, report: Path):
    with visit(browser, report) as seen:
        folded = seen.page.locator("details")
        inside = seen.page.locator("details > :not(summary)")
        assert folded.count() > 50
        assert visible(inside) == 0
        statement = seen.page.locator("details.step pre").first
        summary = seen.page.locator("details.step summary").first
        summary.click()
        assert statement.is_visible()
        summary.click()
        assert not statement.is_visible()
        seen.page.emulate_media(media="print")
        assert visible(inside) == inside.count()
        assert not seen.page.locator("nav").is_visible()


def visible(elements: Locator) -> int:
    return int(elements.evaluate_all("all => all.filter(each => each.checkVisibility()).length"))


def test_it_fits_a_telephone_and_a_sheet(browser: Browser, report: Path, tmp_path: Path):
    for width in (400, 1100):
        with visit(browser, report, width=width) as seen:
            seen.page.screenshot(path=tmp_path / f"{width}.png")
            assert seen.page.evaluate("document.documentElement.scrollWidth") == width
    with visit(browser, report, width=700) as seen:  # a sheet of A4 without its margins
        seen.page.emulate_media(media="print")
        assert seen.page.evaluate("document.documentElement.scrollWidth") == 700
        assert seen.page.pdf(format="A4").startswith(b"%PDF")


def test_the_plots_are_drawn_in_the_colours_of_their_legends(browser: Browser, report: Path):
    with visit(browser, report) as seen:
        figures = seen.page.locator("figure").all()
        assert len(figures) == 2
        for figure in figures:
            legend = [each.get_attribute("fill") for each in figure.locator(".legend rect").all()]
            picture = Image.open(BytesIO(figure.locator(".plot").screenshot())).convert("RGB").tobytes()
            pixels = Counter(picture[place : place + 3] for place in range(0, len(picture), 3))
            assert [each for each in legend if pixels[rgb(str(each))] < 200] == []
        assert "after" in figures[0].locator("svg[role=img] text").all_text_contents()
        assert "230_routines: routine NormaliseSummaries" in figures[1].locator("svg text").all_text_contents()


def rgb(colour: str) -> bytes:
    return bytes.fromhex(colour.removeprefix("#"))


def test_it_can_be_read_aloud(browser: Browser, report: Path):
    with visit(browser, report) as seen:
        levels = seen.page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(each => +each.tagName[1])")
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert seen.page.locator("th:not([scope])").count() == 0
        assert all(each.get_attribute("aria-label") for each in seen.page.locator("figure .plot svg").all())
        ids = seen.page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)")
        assert len(ids) == len(set(ids))
        for link in seen.page.locator("a").all():
            assert str(link.get_attribute("href")).removeprefix("#") in ids
        assert seen.page.evaluate(CONTRASTS) == []


CONTRASTS = """
() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const [r, g, b] = numbers(colour).map(each => each / 255)
      .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (; element; element = element.parentElement) {
      const found = getComputedStyle(element).backgroundColor;
      if (numbers(found)[3] !== 0) return found;
    }
    return 'rgb(255, 255, 255)';
  };
  const pale = element => {
    const pair = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => a - b);
    return (pair[1] + 0.05) / (pair[0] + 0.05) < 4.5;
  };
  const speaks = element => [...element.childNodes].some(each => each.nodeType === 3 && each.data.trim());
  return [...document.querySelectorAll('body :not(svg *)')].filter(speaks).filter(pale).map(each => each.outerHTML);
}
"""
"""Elements whose text stands out from its ground by less than WCAG 2 asks for (level AA, 4.5 to 1)."""


@pytest.mark.parametrize("lets_scripts_run", (False, True), ids=("with its policy", "by escaping alone"))
def test_nothing_that_a_database_says_is_done(browser: Browser, tmp_path: Path, lets_scripts_run: bool):
    place = tmp_path / "check.html"
    place.write_text(render(hostile(), "html"))
    with visit(browser, place, lets_scripts_run=lets_scripts_run) as seen:
        seen.page.emulate_media(media="print")
        assert seen.page.evaluate("window.ran") is None
        assert (seen.requests, seen.complaints) == ([], [])
        assert seen.page.locator("script, img, iframe, [onerror]").count() == 0
        assert not [said for said in HOSTILE if said not in told(seen.page)]
        labels = seen.page.locator("figure svg text").all_text_contents()
        assert any(each.startswith("$\\frac{1}{0}$ </text><script>") for each in labels)
        assert seen.page.title().endswith(f"db/{SITE} from {SITE} to 2.5.0")


def told(page: Page) -> str:
    return str(page.locator("body").inner_text())


def test_the_browser_would_see_a_script_that_ran(browser: Browser, tmp_path: Path):
    """The test above can fail: the same words unescaped do run."""
    place = tmp_path / "check.html"
    place.write_text(f"<!DOCTYPE html><title>x</title><body>{SITE}{TYPE[2:]}")
    with visit(browser, place) as seen:
        assert seen.page.evaluate("window.ran") in (1, 2)
        assert seen.page.locator("script, img").count() == 2
        assert seen.requests
        assert seen.complaints


class Tags(HTMLParser):
    """Counts what a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.made_of: list[tuple[str, int]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.made_of.append((tag, len(attrs)))


def small(text: str) -> str:
    """A page without plots in which a text stands in many places."""
    figures = [replace(inspections.months(1)[0], type=f"a{text}", site=f"b{text}")]
    findings = [Finding(f"a{text}", "warning", f"b{text}", f"c{text}", f"d{text}")]
    return render(
        inspection(server={"x": f"a{text}"}, findings=findings, figures=figures, months=None, estimate=None, steps=()),
        "html",
    )


@given(st.text(st.characters(exclude_categories=()), max_size=40).map(lambda text: f"{text}<i>&'\"`--><![CDATA["))
@settings(max_examples=20, deadline=None)
def test_no_text_changes_what_the_page_is_made_of(text: str):
    assert Tags(small(text)).made_of == Tags(small("x")).made_of


@given(st.text(st.characters(exclude_categories=()), max_size=60))
@settings(max_examples=6, deadline=None)
def test_a_plot_stands_any_name(text: str):
    plot = plots.time_by_part(
        Estimate((Cost(f"{text}\ufffe\x0b$", None, "", 0, 1, 1, 1, "stated"),), 1, 1, 1, 0, 0, 0, 0)
    )
    assert plot is not None
    assert Tags(plot.svg).made_of[0][0] == "svg"


def test_equal_checks_give_equal_pages_whatever_the_user_likes_plots_to_be():
    with mpl.rc_context({"lines.linewidth": 9, "svg.hashsalt": "mine", "font.size": 30, "svg.fonttype": "path"}):
        otherwise = render(inspection(), "html")
    assert render(inspection(), "html") == otherwise


def month(name: str, place: int, wall: int) -> TypeForecast:
    return TypeForecast(name, "", "", 1, 1, 1, 1, wall, wall * 250, 1, 1, None, 2020 + place // 12, place % 12 + 1)


def test_types_beyond_the_colours_are_one_layer_and_months_without_work_are_no_hole():
    plot = plots.work_by_month([month(f"type{number}", number * 3, 3600 * (number + 1)) for number in range(12)])
    assert plot is not None
    assert [name for _, name in plot.legend] == [*(f"type{number}" for number in range(11, 4, -1)), "5 other types"]
    assert re.search(r">thousand hours<", plot.svg)
    assert plots.work_by_month([month("", 0, 0)]) is not None
    assert plots.work_by_month([]) is None


def test_an_impossible_year_leaves_the_others_their_room():
    figures = [month("hepspec", place, 3600) for place in range(3)]
    strange = [replace(figures[0], year=year) for year in (0, 9999)]
    plot, usual = plots.work_by_month([*figures, *strange]), plots.work_by_month(figures)
    assert plot is not None
    assert usual is not None
    assert plot.svg == usual.svg
    assert plot.note == "Without 2 lines of the table that bear an impossible year."
    assert usual.note == ""


def test_a_check_with_nothing_to_tell_is_a_page_too(browser: Browser, tmp_path: Path):
    place = tmp_path / "check.html"
    bare = inspection(findings=(), steps=(), sizes=(), figures=None, months=None, estimate=None)
    place.write_text(render(bare, "html"))
    with visit(browser, place) as seen:
        assert seen.complaints == []
        shown = told(seen.page)
    assert "pass" in shown.casefold()
    assert "Nothing was found." in shown
    assert shown.count("a finding above says why") == 2
    assert "There is nothing to do." in shown
