"""Names of the lookup tables: mostly plain, some as unusual as the database's character set can hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from apelschema.sample.options import Sample

SAID_NOTHING: Final = "None"
"""What the loader stores for a name that a message does not have."""

JOB_HOSTS: Final = 2
HOSTS: Final = JOB_HOSTS + 2
"""Submit hosts of a site: two send jobs, one summaries, one normalised summaries. Their ids follow one another."""

_LONGEST: Final = 255
_ENCODINGS: Final = {"latin1": "cp1252", "utf8mb4": "utf-8"}


@dataclass(frozen=True)
class Names:
    """All names of a sample by lookup table. A name's id is its place, from 1."""

    sample: Sample
    charset: str

    @cached_property
    def tables(self) -> dict[str, tuple[str, ...]]:
        """The names, by table."""
        return {
            "Sites": self._sites(),
            "DNs": self._dns(),
            "SubmitHosts": self._hosts(),
            "MachineNames": (SAID_NOTHING, *self._varied("wn{:03d}.example.org", 20, ["wn'a\"b.example.org"])),
            "Queues": (SAID_NOTHING, "long", "short", "mcore8", "q\\1 100%", self._held("warteschlange-ü", "queue-ue")),
            "VOs": (
                "atlas",
                "cms",
                "lhcb",
                "alice",
                "ops",
                "o'vo\".example",
                self._held("vo.μ-λ.example", "vo.æ", "vo.ae"),
            ),
            "VORoles": (SAID_NOTHING, "Role=NULL", "Role=production", "Role=pilot", "Role='100%'"),
            "VOGroups": (SAID_NOTHING, "/atlas", "/atlas/production", "/cms", "/cms/%s", "/lhcb\\Grid", "/lhcb/<b>"),
        }

    @property
    def users(self) -> range:
        """The ids in DNs that are users; the ones before are nobody, and the publisher of each site in their order."""
        return range(self.sample.sites + 2, len(self.tables["DNs"]) + 1)

    def ids(self, table: str) -> range:
        """All ids of a table."""
        return range(1, len(self.tables[table]) + 1)

    @property
    def _numbers(self) -> range:
        """The ids of the sites."""
        return range(1, self.sample.sites + 1)

    def _sites(self) -> tuple[str, ...]:
        unusual = [
            'O\'Hara "Tier-2" 100%',
            "<script>alert('site')</script>",
            self._held("Zürich-Łódź-東京-🔬", "Zürich-Łódź-東京", "Zürich-Århus", "Zuerich-Aarhus"),
            "C:\\grid\\site ",  # a name that ends in a blank
        ]
        plain = [f"EXAMPLE-T{1 if number == 1 else 2}-{number:03d}" for number in self._numbers]
        mixed = [name for pair in zip(plain, unusual, strict=False) for name in pair] + plain[len(unusual) :]
        return tuple(mixed[: self.sample.sites])

    def _dns(self) -> tuple[str, ...]:
        publishers = [f"/DC=org/DC=example/CN=host/publisher-{site:03d}.example.org" for site in self._numbers]
        unusual = [
            '/DC=org/DC=example/CN=Robot: O\'Neil "pilot" 100% \\ <robot>',
            self._held(
                "/DC=org/DC=example/CN=Zoë Łukasz 山田", "/DC=org/DC=example/CN=Zoë", "/DC=org/DC=example/CN=Zoe"
            ),
            "/DC=org/DC=example/CN=blank ",
            ("/DC=org/DC=example/CN=" + "long" * _LONGEST)[:_LONGEST],
        ]
        users = min(20 + (self.sample.jobs + self.sample.summaries_in_all) // 200, 2000)
        return (SAID_NOTHING, *publishers, *self._varied("/DC=org/DC=example/OU=People/CN=user {:04d}", users, unusual))

    def _hosts(self) -> tuple[str, ...]:
        return tuple(
            f"{kind}.site{site:03d}.example.org{end}"
            for site in self._numbers
            for kind, end in (
                ("ce01", ":2119/jobmanager-pbs"),
                ("ce02", ":8443/cream-lsf-'q'"),
                ("sum", ""),
                ("norm", ""),
            )
        )

    def _varied(self, pattern: str, count: int, unusual: Sequence[str]) -> tuple[str, ...]:
        return (*unusual, *(pattern.format(number) for number in range(1, count + 1)))

    def _held(self, *alternatives: str) -> str:
        """The first that the character set holds; the last is plain ASCII."""
        return next(name for name in alternatives if holds(self.charset, name))


def holds(charset: str, text: str) -> bool:
    """Whether a character set of the server can store a text; of those that are not known, ASCII alone."""
    if charset in ("utf8", "utf8mb3"):
        return max(text, default="") <= "\uffff"
    try:
        text.encode(_ENCODINGS.get(charset, "ascii"))
    except UnicodeEncodeError:
        return False
    return True
