"""``python -m apelschema``."""

from apelschema.cli import main

main()
