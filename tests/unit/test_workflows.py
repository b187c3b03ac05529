"""The workflows can be read, name only what is there, and may do no more than they need."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.plain_yaml import read

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ENGINES = {"mariadb:10.5", "mariadb:10.11", "mariadb:11.8", "mysql:9.7"}


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> dict:
    return read(request.param.read_text())


def steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_there_is_a_workflow():
    assert WORKFLOWS


def test_a_workflow_may_only_read_and_gives_way_to_a_newer_run(workflow: dict):
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] == "true"
    assert all("permissions" not in job and int(job["timeout-minutes"]) <= 60 for job in workflow["jobs"].values())


def test_every_step_is_an_action_of_a_fixed_version_or_a_command_that_is_there(workflow: dict):
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])
            continue
        program = shlex.split(step["run"])[0]
        assert program == "sudo" or (ROOT / program).stat().st_mode & 0o111


def test_every_variable_of_a_job_is_one_that_it_has():
    for path in WORKFLOWS:
        for job in read(path.read_text())["jobs"].values():
            used = set(re.findall(r"\$\{\{ matrix\.(\w+) \}\}", str(job)))
            assert used == set(job.get("strategy", {}).get("matrix", {}))


def test_all_supported_engines_are_tested():
    (engines,) = [read(path.read_text())["jobs"]["engines"] for path in WORKFLOWS]
    assert set(engines["strategy"]["matrix"]["engine"]) == ENGINES
    assert set(shell("echo ${ENGINES[*]}").split()) == ENGINES


def test_without_docker_an_engine_is_not_run_and_it_is_said_why(tmp_path: Path):
    """The whole suite runs all the same: .ci/run fails only for what it could try."""
    assert shell("ensure_docker mysql:9.7 || echo $REASON", path=bare_path(tmp_path)) == "there is no Docker here"
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    said = shell("ensure_docker mysql:9.7 || echo $REASON", path=str(tmp_path))
    assert said == "the Docker daemon does not answer"
    said = shell("ensure_image mysql:9.7 || echo $REASON", path=str(tmp_path))
    assert said == "the image is not here and cannot be pulled"


def bare_path(folder: Path) -> str:
    """A folder with the few programs that the script needs, and no Docker."""
    for name in ("timeout", "id", "cat"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def shell(command: str, path: str | None = None) -> str:
    """What a command says that uses the scripts' library; no neighbour of the repository builds images for it."""
    library = ". scripts/lib/setup.sh; . <(sed 's/^readonly BUILDER=.*/BUILDER=/' scripts/lib/engines.sh)"
    inner = f"PATH={shlex.quote(path)}; {command}" if path else command
    done = subprocess.run(
        ["bash", "-c", f"{library}; {inner}"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == "", done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "text",
    [
        "a: b: c",
        "a:\n  b: 1\n c: 2",
        "a: 1\na: 2",
        "a: 1\n  b: 2",
        "a: [x, *y]",
        "a:\n\tb: 1",
        "a: *x",
        "- a",
        "a: 'b'",
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        read(text)
