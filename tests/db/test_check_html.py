"""The HTML report of a real database whose sites, types and accounts bear names that a report must not act upon."""

from dataclasses import replace
from pathlib import Path

from apelschema.db.session import Session
from apelschema.forecast.figures import forecast
from apelschema.inspection import inspect
from apelschema.policy import Policy
from apelschema.report.check_formats import render
from apelschema.runner import Settings
from tests.conftest import MakeDatabase, OpenSession
from tests.support import content
from tests.support.browser import chromium, visit

SITE = "<script>window.ran=1</script>"
TYPE = '"><img src=x onerror=ran=2>'


def test_names_in_a_database_are_shown_and_not_run(make_database: MakeDatabase, session: OpenSession, tmp_path: Path):
    target, policy = make_database(), Policy(unlisted_types="keep-old")
    db = session(target)
    content.install_with(db)
    content.fill(db, lax=False)
    db.execute("UPDATE Sites SET name = %s ORDER BY id LIMIT 1", (SITE,))
    db.execute("UPDATE HybridSuperSummaries SET ServiceLevelType = %s WHERE ServiceLevelType = 'custom'", (TYPE,))
    db.close()
    with Session(target) as reading:
        found = inspect(reading, Settings(target, policy), "head")
        figures = forecast(reading, policy, found.way.listed, ("site", "month"))
    place = tmp_path / "check.html"
    place.write_text(render(replace(found, figures=figures, months=figures), "html"))
    with chromium() as browser, visit(browser, place, lets_scripts_run=True) as seen:
        seen.page.emulate_media(media="print")
        shown = seen.page.locator("body").inner_text()
        assert (seen.requests, seen.complaints) == ([], [])
        assert seen.page.evaluate("window.ran") is None
        assert seen.page.locator("script, img").count() == 0
    assert f"{TYPE}, {SITE}, 20" in shown  # a line of the forecast
    assert TYPE in shown.partition("Published figures")[0]  # a finding
    assert "root@" not in shown
