"""An installed apelschema works without the repository: the wheel carries revisions, SQL and catalogue."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]

LOOK = """
import sys
sys.path.insert(0, sys.argv[1])
from apelschema import resources
from apelschema.catalogue.load import releases
print(resources.folder("migrations"))
print(resources.folder("procedures"))
print("2.2.1" in releases())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the wheel would put into site-packages."""
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(TOP)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        wheel.extractall(out / "site-packages")
    return out / "site-packages"


def test_the_wheel_carries_every_file_that_is_data(installed: Path):
    for folder in ("migrations", "procedures", "apelschema/catalogue/data", "apelschema/report/html/templates"):
        inside = folder if folder.startswith("apelschema/") else f"apelschema/{folder}"
        for file in (TOP / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert (installed / inside / file.relative_to(TOP / folder)).is_file(), file


def test_the_wheel_holds_the_package_and_nothing_else_of_the_repository(installed: Path):
    assert {each.name.partition("-")[0] for each in installed.iterdir()} == {"apelschema"}


def test_the_package_finds_its_folders_without_the_repository(installed: Path, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOOK, str(installed)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    package = installed / "apelschema"
    assert done.stdout.split() == [str(package / "migrations"), str(package / "procedures"), "True"]
