"""Which of APEL's programs work on a schema that scripts left half-way (H11, H12, H20)."""

from collections.abc import Mapping
from typing import Final

from apelschema.catalogue.models import ROUTINES, VIEWS, Model, known, model_of
from apelschema.catalogue.shapes import FIRST

SUMMARISER: Final = ROUTINES[2:]
"""What it calls, in its order, each committed by itself."""

_MESSAGES: Final = {"ReplaceSummary": "summaries", "ReplaceNormalisedSummary": "normalised summaries"}

_LOADERS: Final[Mapping[str, str]] = {"2.2.1": "2.2.1", "2.3.0": "2.3.0 to 2.4.1", "2.5.0": "2.5.0"}
"""By the first release with such arguments, the releases whose loaders pass them."""


def works(model: Model) -> tuple[str, ...]:
    """What each program does there, in sentences: loaders by release, the summariser, the unloader.

    By the schema alone: a NULL, say, may stop the summariser all the same (H23).
    """
    return (*(_loader(model, release) for release in _LOADERS), _summariser(model), _unloader(model))


def refusal(model: Model, name: str, arguments: str | None = None) -> int | None:
    """The error number of calling a routine, or reading a view; None if it works.

    ``arguments`` names the release whose arguments a loader passes.
    """
    text = model.text(name)
    if text is None:
        return 1146 if name in VIEWS else 1305
    if arguments and model_of(arguments).text(name) != text:
        return 1318
    if model.lacks(name):
        return 1356 if name in VIEWS else 1054
    has_default = "default ServiceLevelType" not in model.facets("HybridSuperSummaries")
    return 1364 if name == "CopyNormalisedSummaries" and text == FIRST and not has_default else None


def _loader(model: Model, release: str) -> str:
    refused = {what: refusal(model, name, release) for name, what in _MESSAGES.items()}
    listed = ", ".join(f"{what} rejected ({error})" for what, error in refused.items() if error)
    return f"loaders of {_LOADERS[release]}: {listed or 'work'}"


def _summariser(model: Model) -> str:
    for name in SUMMARISER:
        if error := refusal(model, name):
            return f"the summariser fails at {name} ({error})"
    jobs, summaries = (model.text(name) == FIRST for name in SUMMARISER[:2])
    return "the summariser works" + (", with one rule for jobs and another for summaries" if jobs != summaries else "")


def _unloader(model: Model) -> str:
    errors = {name: error for name in VIEWS if (error := refusal(model, name))}
    if errors:
        return f"the unloader cannot read {', '.join(f'{name} ({error})' for name, error in errors.items())}"
    newest = max((model.text(name) or FIRST for name in VIEWS), key=known().index)
    return "the unloader works" if newest == FIRST else f"the unloader of {newest} or later works"
