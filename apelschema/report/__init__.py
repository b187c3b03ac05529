"""Reports: what a command found, as a document for programs (JSON) and as text for people."""

from apelschema.report.base import Document, printable, say, show, to_json
from apelschema.report.plan import PlanDocument
from apelschema.report.status import StatusDocument
from apelschema.report.upgrade import UpgradeDocument
from apelschema.report.verify import VerifyDocument
from apelschema.report.way import Way

__all__ = [
    "Document",
    "PlanDocument",
    "StatusDocument",
    "UpgradeDocument",
    "VerifyDocument",
    "Way",
    "printable",
    "say",
    "show",
    "to_json",
]
