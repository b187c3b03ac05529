"""Reports: what a command found, as a document for programs (JSON) and as text for people."""

from apelschema.report.adopt import AdoptDocument
from apelschema.report.base import Document, printable, say, show, to_json
from apelschema.report.check import CheckDocument
from apelschema.report.cleanup import CleanupDocument
from apelschema.report.plan import PlanDocument
from apelschema.report.rehearse import RehearsalDocument
from apelschema.report.repair import RepairDocument, RestoreDocument
from apelschema.report.resend import ResendDocument
from apelschema.report.roundtrip import RoundTripDocument
from apelschema.report.status import StatusDocument
from apelschema.report.tune import TuneDocument
from apelschema.report.upgrade import UpgradeDocument
from apelschema.report.verify import VerifyDocument
from apelschema.way import Way

__all__ = [
    "AdoptDocument",
    "CheckDocument",
    "CleanupDocument",
    "Document",
    "PlanDocument",
    "RehearsalDocument",
    "RepairDocument",
    "ResendDocument",
    "RestoreDocument",
    "RoundTripDocument",
    "StatusDocument",
    "TuneDocument",
    "UpgradeDocument",
    "VerifyDocument",
    "Way",
    "printable",
    "say",
    "show",
    "to_json",
]
