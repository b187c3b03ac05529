import pytest

from apelschema.db.connect import Target, Tls
from apelschema.db.family import Server
from apelschema.errors import CannotRun


def test_a_url_gives_all_parts():
    target = Target.from_url("mysql+pymysql://apel@db.example.org:3307/grid")
    assert (target.user, target.host, target.port, target.database) == (
        "apel",
        "db.example.org",
        3307,
        "grid",
    )
    assert target.password is None
    assert target.shown() == "db.example.org:3307/grid"
    assert not target.is_local


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql"])
def test_schemes_of_the_family_are_taken(scheme):
    assert Target.from_url(f"{scheme}://u@h/d").database == "d"


def test_a_socket_is_shown_instead_of_the_host():
    target = Target.from_url("mysql://u@localhost/apel?unix_socket=/run/x.sock&charset=utf8mb4")
    assert target.unix_socket == "/run/x.sock"
    assert target.shown() == "/run/x.sock/apel"
    assert target.is_local


def test_localhost_with_a_port_is_tcp():
    assert Target.from_url("mysql://u@localhost:3306/apel").unix_socket is None


def test_escapes_in_the_url_are_undone():
    target = Target.from_environment_url("mysql://us%40er:p%2Fw@h/d")
    assert (target.user, target.password) == ("us@er", "p/w")


def test_a_password_on_the_command_line_is_refused_and_not_repeated():
    with pytest.raises(CannotRun) as caught:
        Target.from_url("mysql://root:s3cret@h/d")
    assert "password" in caught.value.what
    assert "s3cret" not in str(caught.value)
    assert "APELSCHEMA_URL" in caught.value.hint


def test_a_password_is_in_no_representation():
    target = Target.from_environment_url("mysql://root:s3cret@h/d")
    assert target.password == "s3cret"
    assert "s3cret" not in f"{target!r} {target} {target.shown()}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "cannot be understood"),
        ("mysql://h:port/d", "cannot be understood"),
        ("postgresql://u@h/d", "postgresql"),
        ("mysql://u@h/d?colour=red", "colour"),
        ("mysql://u@h/d?ssl_verify_cert=perhaps", "ssl_verify_cert"),
        ("mysql://u@h/d?ssl_ca=a&ssl_ca=b", "more than once"),
    ],
)
def test_a_wrong_url_is_told(url, said):
    with pytest.raises(CannotRun) as caught:
        Target.from_url(url)
    assert said in caught.value.what


def test_tls_options_are_read():
    target = Target.from_url("mysql://u@h/d?ssl_ca=/ca&ssl_cert=/c&ssl_key=/k&ssl_verify_identity=true")
    assert target.tls == Tls(ca="/ca", cert="/c", key="/k", verify_identity=True)
    assert target.tls.is_asked_for
    assert not Target.from_url("mysql://u@h/d").tls.is_asked_for
    assert Target.from_url("mysql://u@h/d?ssl=true").tls.is_asked_for


def test_copies_leave_the_rest_alone():
    target = Target.from_url("mysql://u@h/d").with_password("x").with_database("e")
    assert (target.password, target.database, target.user, target.host) == ("x", "e", "u", "h")


@pytest.mark.parametrize(
    ("text", "family", "version", "supported"),
    [
        ("10.5.23-MariaDB-0+deb11u1", "mariadb", (10, 5, 23), True),
        ("5.5.5-10.4.34-MariaDB", "mariadb", (10, 4, 34), False),
        ("11.8.6-MariaDB-log", "mariadb", (11, 8, 6), True),
        ("8.0.43", "mysql", (8, 0, 43), True),
        ("5.7.44-log", "mysql", (5, 7, 44), False),
        ("9.7.4", "mysql", (9, 7, 4), True),
    ],
)
def test_servers_are_recognised(text, family, version, supported):
    server = Server.from_version(text)
    assert (server.family, server.version, server.is_supported) == (family, version, supported)
    assert server.replaces_routines_in_place == (family == "mariadb")
