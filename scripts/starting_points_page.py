"""Writes docs/starting-points.md from what scripts/starting-points has noted."""

from pathlib import Path

from tests.support.starting_points import page, recorded

PAGE = Path(__file__).parents[1] / "docs" / "starting-points.md"

if __name__ == "__main__":
    PAGE.write_text(page(recorded()), encoding="utf-8")
