"""A real browser that reads a page as a member of a change board would, and what it complains about."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass
class Visit:
    """An open page, what was asked for besides it, what its console said, and whether a script did something."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, place: Path) -> None:
        """Load a file and wait for all that belongs to it."""
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.goto(place.as_uri(), wait_until="networkidle")
        self.requests.remove(place.as_uri())


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium without a window; fails where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail(
            "No Chromium for the tests of the HTML report: apt-get install chromium, or dnf install chromium.",
            pytrace=False,
        )
    # The sandbox cannot be had by root, nor in most containers; the pages are our own files.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(browser: Browser, place: Path, *, width: int = 1100, lets_scripts_run: bool = False) -> Iterator[Visit]:
    """A page open on a file; ``lets_scripts_run`` lifts its own policy of content, to see what escaping alone does."""
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=lets_scripts_run)
    try:
        found = Visit(context.new_page())
        found.open(place)
        yield found
    finally:
        context.close()
