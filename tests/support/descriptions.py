"""Scenarios of the infrastructure's description, which 2.5.0 shows and groups by nowhere (H19, P14)."""

from collections.abc import Iterable
from itertools import permutations
from typing import Final

from apelschema.db.session import Session
from tests.support.calls import load_job, load_normalised
from tests.support.scenarios import summarised

ORDERS: Final = ["".join(order) for order in permutations("AMZ")]
"""All ways in which three jobs may come."""


def h19_descriptions(db: Session, orders: Iterable[str] = ORDERS) -> dict[str, str]:
    """For each order, jobs of one group that differ in their description (a letter) only, loaded in this order.

    Gives the description published for each group. Right: the same for all orders of the same letters.
    """
    for order in orders:
        for number, description in enumerate(order):
            load_job(db, localJobId=f"{order}{number}", vo=order, infrastructureDescription=description)
    summarised(db)
    return {order: _shown(db, "VSuperSummaries", order) for order in orders}


def h19_descriptions_of_the_view(db: Session, orders: Iterable[str] = ORDERS) -> dict[str, str]:
    """The same with a level for each job: groups of their own in the table, one row in VNormalisedSuperSummaries."""
    for order in orders:
        for number, description in enumerate(order):
            load_job(
                db,
                localJobId=f"{order}{number}",
                vo=order,
                infrastructureDescription=description,
                serviceLevel=str(10 + number),
            )
    summarised(db)
    return {order: _shown(db, "VNormalisedSuperSummaries", order) for order in orders}


def descriptions_of_copies(db: Session, described: Iterable[str | None]) -> list[str | None]:
    """Normalised summaries, each with a description and a VO of its own: what is published for each."""
    known = list(described)
    for number, description in enumerate(known):
        load_normalised(db, vo=f"vo{number}", infrastructureDescription=description)
    summarised(db)
    return [_shown(db, "VNormalisedSuperSummaries", f"vo{number}") for number in range(len(known))]


def _shown(db: Session, view: str, vo: str) -> str:
    ((description,),) = db.rows(f"SELECT v.InfrastructureDescription FROM {view} AS v WHERE v.VO = %s", (vo,))
    return description
