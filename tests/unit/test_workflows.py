"""The workflows can be read, name only what is there, and may do no more than they need."""

import re
import shlex
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


def test_the_tests_that_a_workflow_names_are_there(workflow: dict):
    named = [path for job in workflow["jobs"].values() for path in job.get("env", {}).get("CHOSEN", "").split()]
    assert all((ROOT / path).is_file() for path in named)


def test_every_variable_of_a_job_is_one_that_it_has():
    for path in WORKFLOWS:
        for job in read(path.read_text())["jobs"].values():
            used = set(re.findall(r"\$\{\{ matrix\.(\w+) \}\}", str(job)))
            assert used == set(job.get("strategy", {}).get("matrix", {}))


def test_all_supported_engines_are_tested():
    (engines,) = [read(path.read_text())["jobs"]["engines"] for path in WORKFLOWS]
    assert set(engines["strategy"]["matrix"]["engine"]) == ENGINES


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
