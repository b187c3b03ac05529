"""Realistic databases, made from a seed: for demonstrations, tests and measurements."""

from apelschema.sample.load import build
from apelschema.sample.options import Sample

__all__ = ["Sample", "build"]
