"""A report's file is whole or as it was before."""

import errno
import os
import stat
from pathlib import Path

import pytest

from apelschema.cli import output
from apelschema.errors import CannotRun


def test_a_report_takes_the_place_of_the_old_one_and_leaves_nothing_beside(tmp_path: Path):
    place = tmp_path / "report.html"
    place.write_text("old")
    place.chmod(0o640)
    output.write("näw\n", place)
    assert place.read_bytes() == "näw\n".encode()
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [place]


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path):
    before = os.umask(0o027)
    try:
        output.write("x", tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/report").write_text("old")
    (tmp_path / "link").symlink_to("there/report")
    output.write("new", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there/report").read_text() == "new"


def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    output.write("through", pipe)
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    output.write("away", Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace"])
def test_an_error_keeps_the_old_file_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str):
    place = tmp_path / "report"
    place.write_text("old")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(failing, full)
    with pytest.raises(CannotRun, match=r"report cannot be written: No space left on device\. What was there"):
        output.write("new", place)
    monkeypatch.undo()
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_a_directory_a_missing_folder_and_a_circle_of_links_are_refused(tmp_path: Path):
    (tmp_path / "circle").symlink_to("circle")
    for place, said in (
        (tmp_path, "is a directory"),
        (tmp_path / "no/report", "No such file"),
        ("circle", "symbolic links"),
    ):
        with pytest.raises(CannotRun, match=said) as refused:
            output.write("x", tmp_path / place)
        assert refused.value.exit_code == 2


def test_a_dash_is_stdout_and_a_file_is_told_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    output.put_text("report\n", None)
    output.put_text("report\n", Path("-"))
    assert capsys.readouterr() == ("report\nreport\n", "")
    output.put_text("report\n", tmp_path / "file")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"The report is in {tmp_path / 'file'}.\n"


def test_a_text_that_no_file_can_hold_is_written_readably(tmp_path: Path):
    output.write("a\udc80b", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "a\\udc80b"
