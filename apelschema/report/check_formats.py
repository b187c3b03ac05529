"""The report of ``check`` in each of its forms, as one text."""

import io
from typing import Literal

from apelschema.inspection import Inspection
from apelschema.report.base import show, to_json
from apelschema.report.check import CheckDocument

Form = Literal["text", "json", "html", "junit"]


def render(inspection: Inspection, form: Form, *, strict: bool = False, verbose: bool = False) -> str:
    """The report in a form, ending with a newline; text is as wide as a log, without colours.

    ``strict`` makes warnings failures (JUnit XML), ``verbose`` lists like findings one by one and the plan (text).
    """
    match form:
        case "json":
            return to_json(CheckDocument(inspection)) + "\n"
        case "junit":
            from apelschema.report.junit import to_junit

            return to_junit(inspection, strict=strict)
        case "html":
            # Plots take half a second to import and nothing else needs them.
            from apelschema.report.html import to_html

            return to_html(inspection)
        case "text":
            file = io.StringIO()
            show(CheckDocument(inspection, verbose), file)
            return file.getvalue()
