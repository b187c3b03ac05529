"""Where the database is taken from: options before environment before files; contradictions are errors."""

from pathlib import Path

import pytest

from apelschema.db.option_file import read_option_file, target_of
from apelschema.db.settings import Connection, find_target, from_db_config
from apelschema.errors import CannotRun

URL = "mysql+pymysql://apel@db.example.org:3307/apelserver"

DB_CFG = """\
[db]
backend = mysql
hostname = db.example.org
port = 3306
name = apelserver
username = apel
password = se%cret
type = cpu
"""

MY_CNF = """\
[mysqld]
port = 1
[client]
user = "apel"   # the account
password = 'se#cret\\s'
host = db.example.org
port = 3307
ssl-ca = /etc/ssl/ca.pem
ssl_verify_server_cert
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    place.mkdir()
    return place


def found(given: Connection, home: Path, *, only_reads: bool = False, config: Path | None = None, **environment: str):
    return find_target(
        given,
        only_reads=only_reads,
        environment=environment,
        home=home,
        apel_config=config or home / "no such file",
    )


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_url_says_everything(home):
    target = found(Connection(url=URL), home)
    assert (target.host, target.port, target.user, target.database) == ("db.example.org", 3307, "apel", "apelserver")


def test_password_in_the_url_is_refused_without_repeating_it(home):
    with pytest.raises(CannotRun) as error:
        found(Connection(url="mysql://apel:s3cret@localhost/apel"), home)
    assert "s3cret" not in str(error.value)


def test_password_in_the_variable_is_taken(home):
    target = found(Connection(), home, APELSCHEMA_URL="mysql://apel:s3cret@db/apel")
    assert target.password == "s3cret"
    assert "s3cret" not in repr(target)


def test_options_come_before_the_variable(home):
    assert found(Connection(url=URL), home, APELSCHEMA_URL="mysql://a@other/b").host == "db.example.org"


def test_apels_own_file(tmp_path, home):
    target = from_db_config(written(tmp_path / "db.cfg", DB_CFG))
    assert (target.host, target.port, target.user) == ("db.example.org", 3306, "apel")
    assert (target.password, target.database) == ("se%cret", "apelserver")


def test_apels_own_file_with_a_doubled_percent_sign(tmp_path):
    path = written(tmp_path / "db.cfg", DB_CFG.replace("se%cret", "se%%cret"))
    assert from_db_config(path).password == "se%cret"


def test_option_file_as_the_servers_programs_read_it(tmp_path):
    path = written(tmp_path / "my.cnf", MY_CNF)
    target = target_of(read_option_file(path), path)
    assert (target.host, target.port, target.user, target.password) == ("db.example.org", 3307, "apel", "se#cret ")
    assert target.tls.ca == "/etc/ssl/ca.pem"
    assert target.tls.verify_identity


def test_option_file_includes_another(tmp_path):
    written(tmp_path / "secret.cnf", "[client]\npassword=inside\n")
    path = written(tmp_path / "my.cnf", "[client]\nuser=apel\n!include secret.cnf\n[mysql]\nuser=wrong\n")
    assert read_option_file(path) == {"user": "apel", "password": "inside"}


@pytest.mark.parametrize(
    ("mode", "asked", "identity"),
    [
        ("DISABLED", False, False),
        ("REQUIRED", True, False),
        ("VERIFY_CA", True, False),
        ("VERIFY_IDENTITY", True, True),
    ],
)
def test_option_files_ssl_mode(tmp_path, mode, asked, identity):
    path = written(tmp_path / "my.cnf", f"[client]\nssl-mode={mode}\n")
    tls = target_of(read_option_file(path), path).tls
    assert (tls.is_asked_for, tls.verify_identity) == (asked, identity)


def test_option_file_wants_a_database(tmp_path, home):
    path = written(tmp_path / "my.cnf", MY_CNF)
    with pytest.raises(CannotRun, match="No database is named"):
        found(Connection(defaults_file=path), home)
    assert found(Connection(defaults_file=path, database="apel"), home).database == "apel"


def test_own_option_file_is_taken_with_a_database_only(home):
    written(home / ".my.cnf", MY_CNF)
    assert found(Connection(database="apel"), home).user == "apel"
    with pytest.raises(CannotRun, match="Nothing says which database"):
        found(Connection(), home)


def test_apels_file_is_taken_untold_by_commands_that_read(tmp_path, home):
    config = written(tmp_path / "db.cfg", DB_CFG)
    assert found(Connection(), home, only_reads=True, config=config).database == "apelserver"
    with pytest.raises(CannotRun, match="Nothing says which database"):
        found(Connection(), home, config=config)


@pytest.mark.parametrize(
    "given",
    [
        {"url": URL, "db_config": Path("x")},
        {"url": URL, "defaults_file": Path("x")},
        {"db_config": Path("x"), "defaults_file": Path("x")},
    ],
)
def test_two_ways_at_once_are_an_error(given):
    with pytest.raises(CannotRun, match="each say where"):
        Connection(**given)


def test_two_names_of_the_database_are_an_error(home):
    with pytest.raises(CannotRun, match="names other, but"):
        found(Connection(url=URL, database="other"), home)
    assert found(Connection(url=URL, database="apelserver"), home).database == "apelserver"


@pytest.mark.parametrize("text", ["no section", "[other]\nname=x", "[db]\nport=zero", "\x00\xff", "[db]\nport=99999"])
def test_what_is_no_db_cfg_is_refused_without_showing_it(tmp_path, text):
    with pytest.raises(CannotRun) as error:
        from_db_config(written(tmp_path / "db.cfg", text))
    assert "db.cfg" in str(error.value)


def test_file_that_is_not_there(home):
    with pytest.raises(CannotRun, match="cannot be read"):
        found(Connection(db_config=Path("/nonexistent/db.cfg")), home)
    with pytest.raises(CannotRun, match="cannot be read"):
        found(Connection(defaults_file=Path("/nonexistent/my.cnf"), database="x"), home)
