"""Realistic databases, made from a seed: for demonstrations, tests and measurements."""

from apelschema.sample.decisions import policy_text
from apelschema.sample.load import build
from apelschema.sample.options import OLDEST, RELEASES, Sample

__all__ = ["OLDEST", "RELEASES", "Sample", "build", "policy_text"]
