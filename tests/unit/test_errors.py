"""Exit codes are a contract with monitoring and cron; messages are what a DBA reads at night."""

import pytest

from apelschema.errors import ApelschemaError, CannotRun, ExitCode, FoundWrong, Stopped


def test_exit_codes_are_those_of_the_contract():
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "WRONG": 1,
        "CANNOT_RUN": 2,
        "STOPPED": 3,
    }


@pytest.mark.parametrize(("kind", "code"), [(FoundWrong, 1), (CannotRun, 2), (Stopped, 3)])
def test_each_error_knows_its_exit_code(kind: type[ApelschemaError], code: int):
    assert kind("x").exit_code == code
    assert issubclass(kind, ApelschemaError)


def test_an_error_is_one_paragraph_of_what_why_and_hint():
    error = CannotRun("It is wrong.", why="It matters.", hint="Do this.")
    assert str(error) == "It is wrong. It matters. Do this."
    assert (error.what, error.why, error.hint) == ("It is wrong.", "It matters.", "Do this.")


def test_absent_parts_leave_no_trace():
    assert str(Stopped("It stopped.", hint="Run it again.")) == "It stopped. Run it again."
    assert str(FoundWrong("It is wrong.")) == "It is wrong."
