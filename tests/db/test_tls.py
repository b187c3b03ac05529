import datetime
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from apelschema.db.connect import Target, Tls, open_connection
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from tests.support.servers import free_port

pytestmark = pytest.mark.own_server


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """Files of a certificate that signs itself, and of its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{host}.pem", folder / f"{host}.key"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    no_password = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    files[1].write_bytes(key.private_bytes(pem, form, no_password))
    for file in (folder, *files):
        file.chmod(0o755)  # the server may run as another user
    return files


@pytest.fixture(scope="module")
def secure() -> Iterator[tuple[Target, Path, Path]]:
    """A server with TLS whose certificate is for localhost; its certificate; another one."""
    with tempfile.TemporaryDirectory(prefix="tls") as made:  # not pytest's, which another user may not enter
        folder = Path(made)
        pem, key = certificate(folder, "localhost")
        other, _ = certificate(folder, "other.example.org")
        doors = ["--skip-networking=0", "--bind-address=127.0.0.1", f"--port={(port := free_port())}"]
        with PrivateServer([*doors, f"--ssl-cert={pem}", f"--ssl-key={key}"]) as server:
            yield replace(server.create_database("tls"), port=port), pem, other


def with_tls(target: Target, tls: Tls) -> Target:
    return replace(target, tls=tls)


def test_a_certificate_that_is_signed_by_the_authority_is_taken(secure):
    target, ca, _ = secure
    with Session(with_tls(target, Tls(ca=str(ca), verify_identity=True))) as db:
        assert db.is_encrypted()


def test_a_certificate_of_another_authority_is_refused(secure):
    target, _, other = secure
    with pytest.raises(CannotRun, match="encrypted connection") as caught:
        open_connection(with_tls(target, Tls(ca=str(other))))
    assert "ssl_ca" in caught.value.hint


def test_an_identity_is_checked_when_asked_for(secure):
    target, ca, _ = secure
    wrong = replace(target, host="127.0.0.1", tls=Tls(ca=str(ca), verify_identity=True))
    with pytest.raises(CannotRun, match=r"127\.0\.0\.1|mismatch|not valid"):
        open_connection(wrong)
    with Session(replace(wrong, tls=Tls(ca=str(ca)))) as db:
        assert db.is_encrypted()


def test_without_verification_it_is_encrypted_all_the_same(secure):
    target, _, _ = secure
    with Session(with_tls(target, Tls(required=True))) as db:
        assert db.is_encrypted()


def test_over_a_network_it_is_encrypted_where_the_server_offers_it(secure):
    target, _, _ = secure
    with Session(target) as db:
        db.execute("CREATE USER far@'%' IDENTIFIED BY 'away'")
        db.execute("GRANT ALL ON tls.* TO far@'%'")
    far = replace(target, unix_socket=None, host="127.0.0.1", user="far", password="away")
    for _ in range(2):
        with Session(far) as db:
            assert db.is_encrypted()


def test_a_server_without_encryption_is_told(database: Target):
    with Session(database) as db:
        offers = db.variables("have_ssl").get("have_ssl") != "DISABLED"
    if not offers:
        with pytest.raises(CannotRun, match="offers none"):
            open_connection(with_tls(database, Tls(required=True)))


def test_an_account_that_demands_encryption_is_served_with_it_only(secure):
    target, _, _ = secure
    with Session(target) as db:
        db.execute("CREATE USER strict@localhost IDENTIFIED BY '' REQUIRE SSL")
        db.execute("GRANT ALL ON tls.* TO strict@localhost")
    strict = replace(target, user="strict")
    with pytest.raises(CannotRun, match="refuses user or password"):
        open_connection(strict)
    with Session(with_tls(strict, Tls(required=True))) as db:
        assert db.is_encrypted()
