"""States between releases, by the catalogue alone: no server, every script, every stop."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from apelschema.catalogue.load import Release, load
from apelschema.catalogue.models import TABLES, TEXTS, VIEWS, Model, known, model_of
from apelschema.catalogue.scripts import Script, scripts
from apelschema.catalogue.shapes import with_facets
from apelschema.catalogue.states import State, recognise, whole_release
from apelschema.catalogue.stories import stopped
from apelschema.db.schema import Routine, Schema, View
from tests.official.update import rollback_230, update_230, update_241, update_250

UPDATES = [each for each in scripts() if not each.goes_back]
(ROLLBACK,) = [each for each in scripts() if each.goes_back]
HISTORY = ("VSpecIntHistory", "VHepSpecHistory")


class Nobody:
    """No body is this project's."""

    def is_own_body(self, name: str, release: str, body: str) -> bool:
        del name, release, body
        return False


def schema(model: Model, base: str = "2.2.1", *, by_columns: bool = False) -> Schema:
    """A live schema as a model says, the rest of a release; ``by_columns``: on an engine that rewrites views."""
    entry = load(base)
    tables = {name: with_facets(name, model.facets(name)) for name in TABLES}
    texts = {name: load(release) for name in TEXTS if (release := model.text(name))}
    routines = {name: each for name, each in entry.routines.items() if name not in TEXTS}
    views = {name: each for name, each in entry.views.items() if name not in TEXTS}
    routines |= {name: of.routines[name] for name, of in texts.items() if name not in VIEWS}
    views |= {name: of.views[name] for name, of in texts.items() if name in VIEWS}
    return Schema(
        tables={**entry.tables, **tables},
        routines={name: replace(each, body="seen") for name, each in routines.items()},
        views={name: _shown(each, by_columns) for name, each in views.items()},
    )


def _shown(view: View, by_columns: bool) -> View:
    return replace(view, definition="seen", definition_sha256=None if by_columns else view.definition_sha256)


def state_of(model: Model, *, by_columns: bool = False) -> State:
    found = recognise(schema(model, by_columns=by_columns), Nobody())
    assert found is not None
    return found


def stops(script: Script) -> Iterator[tuple[int, Model]]:
    """After each statement but the last."""
    for run, model in stopped(model_of(script.schema), script):
        if not run.is_complete:
            yield run.sent, model


def test_effects_are_those_of_the_scripts_on_record():
    recorded = (update_230(), rollback_230(), update_241(), update_250())
    assert [[each.text for each in script.effects] for script in scripts()] == [
        [each.text for each in effects] for effects in recorded
    ]


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.file)
def test_a_script_leads_from_its_release_to_the_next(script: Script):
    *_, (run, model) = stopped(model_of(script.schema), script)
    assert run.is_complete
    assert model == model_of(script.to)


@pytest.mark.parametrize("by_columns", [False, True])
def test_every_stop_of_every_script_has_its_name(by_columns: bool):
    """Also where views can be told by their columns only."""
    names = []
    for script in scripts():
        for sent, model in stops(script):
            found = state_of(model, by_columns=by_columns)
            last = script.effects[sent - 1].text.replace(":", "", 1)
            assert found.name == f"{script.title}, stopped after {sent} of {len(script.effects)}: {last}"
            assert found.next == script.effects[sent].text
            assert (found.release_from, found.release_to) == (script.schema, script.to)
            names.append(found.name)
    assert len(set(names)) == 13 + 14 + 1 + 21


@pytest.mark.parametrize("release", known())
def test_a_whole_release_is_no_state_whatever_its_history_views(release: str):
    live = schema(model_of(release))
    for base in known():
        history = {name: replace(load(base).views[name], definition="seen") for name in HISTORY}
        found = replace(live, views={**live.views, **history})
        assert recognise(found, Nobody()) is None
        assert whole_release(found, Nobody()) == release


def test_official_releases_before_221_are_whole():
    for release in ("1.3.0", "1.4.0", "1.5.0", "1.6.0", "1.6.1"):
        assert whole_release(_live(load(release)), Nobody()) == "2.2.1", release
        assert recognise(_live(load(release)), Nobody()) is None


def test_the_candidate_with_the_column_and_the_old_rule_is_named():
    found = recognise(_live(load("1.10.0-0.1.rc1")), Nobody())
    assert found is not None
    assert found.name.startswith("pre-release 1.10.0-0.1.rc1: ")
    assert "CopyNormalisedSummaries" in found.name and "the rest of 2.2.1" in found.name
    assert found.completes_to == "2.3.0"
    assert "the summariser works" in found.works


def _live(entry: Release) -> Schema:
    return Schema(
        tables=entry.tables,
        routines={name: replace(each, body="seen") for name, each in entry.routines.items()},
        views={name: replace(each, definition="seen") for name, each in entry.views.items()},
    )


@pytest.mark.parametrize(
    ("base", "file", "refused", "stop", "name"),
    [
        ("2.5.0", 0, (1,), 14, "official update 2.2.1 to 2.3.0 on release 2.5.0, forced past statement 1"),
        ("2.3.0", 3, (), 22, "official update 2.4.1 to 2.5.0 on release 2.3.0"),
        ("2.2.1", 2, (), 1, "official update 2.4.0 to 2.4.1 on release 2.2.1, stopped after 1 of 2"),
        ("2.3.0", 2, (1,), 2, "official update 2.4.0 to 2.4.1, forced past statement 1"),
    ],
)
def test_scripts_on_another_release_or_forced_are_named(
    base: str, file: int, refused: tuple[int, ...], stop: int, name: str
):
    model = model_of(base)
    for number, effect in enumerate(scripts()[file].effects[:stop], 1):
        if number not in refused:
            after = model.after(effect)
            assert after is not None, effect
            model = after
    assert state_of(model).name.startswith(name)


def test_h25_forced_rollback_over_rows_that_fall_together_looks_like_a_first_statement():
    """Old procedures on the new table: either the update had just begun, or the way back was forced past its ALTERs."""
    model = model_of("2.3.0")
    for number, effect in enumerate(ROLLBACK.effects, 1):
        model = model if number in (1, 2) else model.after(effect) or model
    found = state_of(model)
    assert "stopped after 1 of 14" in found.name
    assert "official rollback 2.3.0 to 2.2.1, forced past statements 1, 2" in found.also
    assert found.completes_to == "2.3.0"


def test_two_scripts_that_stopped_are_told_one_after_the_other():
    _, update_of_keys, update_of_columns = UPDATES
    (_, model), *_ = stops(update_of_keys)
    for effect in update_of_columns.effects[:6]:
        after = model.after(effect)
        assert after is not None
        model = after
    found = state_of(model)
    assert found.name.startswith("official update 2.4.0 to 2.4.1, stopped after 1 of 2")
    assert found.name.endswith(
        "then official update 2.4.1 to 2.5.0, stopped after 6 of 22: procedure ReplaceSummary created"
    )
    assert found.completes_to == "2.5.0"


def test_what_no_two_scripts_explain_is_listed_by_release():
    texts = dict(zip(TEXTS, model_of("2.2.1").texts, strict=True))
    mixed = {**texts, "SummariseJobs": "2.5.0", "VSummaries": None, "NormaliseSummaries": "2.3.0"}
    found = state_of(Model(model_of("2.4.1").tables, tuple(mixed[name] for name in TEXTS)))
    assert found.name.startswith("mixture: ")
    assert "NormalisedSummaries, Summaries of 2.4.1" in found.name
    assert "VSummaries of no release: missing" in found.name
    assert found.next == ""
    assert found.completes_to == "2.5.0"
    assert "the summariser fails at SummariseJobs (1054)" in found.works


def test_h25_broken_view_is_known_by_the_names_in_its_text():
    """Its column was dropped before it: a server that writes views its own way shows no columns of it any more."""
    live = schema(dict(stops(ROLLBACK))[2], by_columns=True)
    name = "VNormalisedSummaries"
    broken = "select `n`.`UpdateTime` AS `UpdateTime`,`s`.`name` AS `Site`{} from (`Sites` `s`)"
    rest = "".join(f",`n`.`x` AS `{each.name}`" for each in live.views[name].columns[2:])
    for listed, is_known in ((rest, True), (rest + ",1 AS `Mine`", False)):
        view = replace(live.views[name], columns=(), definition=broken.format(listed))
        found = recognise(replace(live, views={**live.views, name: view}), Nobody())
        assert (found is not None and "stopped after 2 of 15" in found.name) is is_known


def test_a_table_of_no_release_or_a_body_of_nobody_is_not_named():
    (_, model), *_ = stops(UPDATES[0])
    live = schema(model)
    assert recognise(live, Nobody()) is not None
    without = {name: each for name, each in live.tables.items() if name != "Summaries"}
    narrow = replace(live.tables["Summaries"], primary_key=("SiteID",))
    strange: Routine = replace(live.routines["SummariseJobs"], body_sha256="0" * 64)
    hidden = replace(live.routines["SummariseJobs"], body=None, body_sha256=None)
    for tables, routines in (
        (without, live.routines),
        ({**live.tables, "Summaries": narrow}, live.routines),
        (live.tables, {**live.routines, "SummariseJobs": strange}),
        (live.tables, {**live.routines, "SummariseJobs": hidden}),
    ):
        assert recognise(replace(live, tables=tables, routines=routines), Nobody()) is None


@pytest.mark.parametrize(
    ("file", "sent", "said"),
    [
        (0, 1, "loaders of 2.2.1: work"),
        (0, 3, "loaders of 2.2.1: normalised summaries rejected (1318)"),
        (0, 4, "the summariser fails at CopyNormalisedSummaries (1364)"),
        (0, 5, "the summariser fails at SummariseJobs (1305)"),
        (1, 2, "the unloader cannot read VNormalisedSummaries (1356)"),
        (1, 2, "the summariser fails at CopyNormalisedSummaries (1054)"),
        (1, 9, "loaders of 2.2.1: work"),
        (3, 6, "loaders of 2.3.0 to 2.4.1: summaries rejected (1318)"),
    ],
)
def test_h20_says_which_programs_work(file: int, sent: int, said: str):
    found = dict(stops(scripts()[file]))
    assert said in state_of(found[sent]).works
