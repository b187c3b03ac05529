"""How a schema may have come about: from a release by official scripts, stopped or forced anywhere (H20, H21, H25)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from apelschema.catalogue.models import Model, Seen, known, model_of, pre_releases
from apelschema.catalogue.scripts import Script, scripts

Cost = tuple[int, int, int, int]


@dataclass(frozen=True)
class Run:
    """A script run up to its statement ``sent``, counted from 1; with ``--force`` past those that were ``refused``.

    ``by_rows`` says that one was refused for what the rows hold, or a lock (1062, 1205, 1265), not for the schema.
    """

    script: Script
    sent: int
    refused: tuple[int, ...] = ()
    by_rows: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all statements were sent."""
        return self.sent == len(self.script.effects)

    @property
    def next(self) -> str:
        """What the next statement would have done; nothing after the last."""
        return "" if self.is_complete else self.script.effects[self.sent].text

    def named(self, base: str) -> str:
        """For people; ``base`` is the release that it was run on, where that is not its own."""
        where = f" on release {base}" if base else ""
        numbers = f"statement{'s' if len(self.refused) > 1 else ''} {', '.join(map(str, self.refused))}"
        forced = f", forced past {numbers}" if self.refused else ""
        last = self.script.effects[self.sent - 1].text.replace(":", "", 1)
        stopped = f", stopped after {self.sent} of {len(self.script.effects)}: {last}"
        return f"{self.script.title}{where}{forced}{'' if self.is_complete else stopped}"


@dataclass(frozen=True)
class Story:
    """Runs one after the other, on a database of a release, and the schema that they end in."""

    base: str
    runs: tuple[Run, ...]
    end: Model

    @property
    def cost(self) -> Cost:
        """How far-fetched it is: runs, forced ones, refusals that rows must explain, a wrong release to begin on."""
        forced = sum(bool(each.refused) for each in self.runs)
        misplaced = int(self._is_misplaced) + int(self.base in pre_releases())
        return len(self.runs), forced, sum(each.by_rows for each in self.runs), misplaced

    @property
    def name(self) -> str:
        """For people."""
        first, *later = self.runs
        names = [first.named(self.base if self._is_misplaced else ""), *(each.named("") for each in later)]
        return ", then ".join(names)

    @property
    def _is_misplaced(self) -> bool:
        return self.base != self.runs[0].script.schema


def explain(seen: Seen) -> list[Story]:
    """Stories that end in a live schema, the nearest first: of one run if there are any, else of two."""
    found = [story for model, stories in _of_one_run().items() if seen.may_be(model) for story in stories]
    return sorted(found or _of_two_runs(seen), key=lambda story: story.cost)


@cache
def _of_one_run() -> dict[Model, list[Story]]:
    """Every state that one run can end in, but for whole releases."""
    found: dict[Model, list[Story]] = {}
    whole = {model_of(release) for release in known()}
    for base in (*known(), *pre_releases()):
        for run, model in _runs(model_of(base)):
            if model not in whole:
                found.setdefault(model, []).append(Story(base, (run,), model))
    return found


def _of_two_runs(seen: Seen) -> Iterator[Story]:
    for model, stories in _of_one_run().items():
        first = min(stories, key=lambda story: story.cost)
        for script in scripts() if not first.runs[0].by_rows else ():
            for run, after in (*stopped(model, script), *_forced(model, script, None)):
                if seen.may_be(after):
                    yield Story(first.base, (*first.runs, run), after)


def _runs(model: Model) -> Iterator[tuple[Run, Model]]:
    """Every script up to every statement; as it comes, with ``--force``, and past any one ALTER that rows refuse."""
    for script in scripts():
        yield from stopped(model, script)
        yield from _forced(model, script, None)
        for number, effect in enumerate(script.effects, 1):
            if effect.kind == "table" and model.after(effect) is not None:
                yield from _forced(model, script, number)


def stopped(model: Model, script: Script) -> Iterator[tuple[Run, Model]]:
    """A script up to every statement, as far as the server takes them."""
    for number, effect in enumerate(script.effects, 1):
        after = model.after(effect)
        if after is None:
            return
        model = after
        yield Run(script, number), model


def _forced(model: Model, script: Script, by_rows: int | None) -> Iterator[tuple[Run, Model]]:
    """After every statement that changed something, and after the last."""
    refused: tuple[int, ...] = ()
    for number, effect in enumerate(script.effects, 1):
        after = None if number == by_rows else model.after(effect)
        if after is None:
            refused = (*refused, number)
        if refused and (after not in (None, model) or number == len(script.effects)):
            yield Run(script, number, refused, by_rows is not None), after or model
        model = after or model
