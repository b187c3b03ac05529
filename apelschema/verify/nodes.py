"""Every node of a Galera cluster has the same definitions (galera.md section 7.7)."""

from typing import Final

from apelschema.db.nodes import HINT, differences, listed, other_nodes
from apelschema.errors import CannotRun
from apelschema.verify.base import CheckResult, Subject, judged

ID: Final = "nodes"


def check(subject: Subject) -> CheckResult:
    """That no node is without a definition that it could not apply; unproved where a node cannot be reached."""
    if not subject.session.server.galera:
        return CheckResult(ID, "skipped", "the server is no node of a cluster")
    try:
        with other_nodes(subject.session) as others:
            found = {each.target.server_shown(): differences(subject.session, each) for each in others}
    except CannotRun as error:
        return CheckResult(ID, "unproved", f"{error.what} {error.hint}")
    wrong = [f"{node}: {listed(names)}. {HINT}" for node, names in found.items() if names]
    return judged(ID, f"the definitions on {len(found) + 1} nodes are the same", wrong)
