"""Check: a connection over a network is encrypted."""

from apelschema.checks.base import Check, Finding, Situation

ID = "encryption"


def look(situation: Situation) -> list[Finding]:
    """Warns of a plain connection to another host."""
    target = situation.session.target
    if target.is_local or situation.session.is_encrypted():
        return []
    message = f"The connection to {target.server_shown()} is not encrypted."
    return [Finding(ID, "warning", "connection", message, "Add ?ssl=true, or ?ssl_ca=FILE, to the URL.")]


CHECK = Check(
    ID, "Encryption", "Whoever listens on the network between reads accounting data and DNs.", look, before_upgrade=True
)
