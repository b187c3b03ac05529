"""Where a command's report goes: stdout, as text or as one JSON document."""

import click

from apelschema.cli.options import wants_json
from apelschema.report import Document, show, to_json


def put(document: Document) -> None:
    """Print a command's report."""
    if wants_json():
        click.echo(to_json(document))
    else:
        show(document)
