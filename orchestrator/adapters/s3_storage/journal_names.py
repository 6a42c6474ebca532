"""Where the journal keeps what (ADR 0041), and what the names of its objects tell without reading them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from orchestrator.domain.ids import made_at_ms

# <prefix>/projects/<slug>.json            a project with its keys
# <prefix>/tasks/<slug>/<yyyy-mm-dd>/      the tasks of a day, by the time in their ids
#     <id>.json, <id>.batch.json           as they were accepted: one task, or a batch under the id of its first
#     <id>.<generation>.json               a client's retry
#     <id>.changed_<ms>.json               what a client has changed since; the latest counts
#     <id>.done, <id>.<generation>.done    how it, or a later generation, has ended
#     <id>.deleted, <id>.gone              a client has deleted it; nothing of it is left to restore
ENTRY, BATCH, CHANGED, DONE, DELETED, GONE = "json", "batch.json", "changed", "done", "deleted", "gone"


@dataclass(frozen=True, slots=True)
class JournalNames:
    """Keys below a prefix."""

    prefix: str

    @property
    def everything(self) -> str:
        return f"{self.prefix}/"

    @property
    def tenants(self) -> str:
        return f"{self.prefix}/projects/"

    @property
    def tasks(self) -> str:
        return f"{self.prefix}/tasks/"

    def tenant(self, slug: str) -> str:
        return f"{self.tenants}{slug}.json"

    def of_task(self, project: str, task_id: str, *, what: str = "") -> str:
        day = datetime.fromtimestamp(made_at_ms(task_id) / 1000, UTC)
        return f"{self.tasks}{project}/{day:%Y-%m-%d}/{task_id}.{what}"


def name_of_retry(generation: int) -> str:
    return f"{generation}.{ENTRY}"


def name_of_change(at_ms: int) -> str:
    return f"{CHANGED}_{at_ms:013}.{ENTRY}"


def name_of_end(generation: int) -> str:
    return DONE if generation == 1 else f"{generation}.{DONE}"


@dataclass(frozen=True, slots=True)
class Marks:
    """What there is of one task, beside its entry."""

    keys: Mapping[str, str]

    @classmethod
    def of(cls, keys: Iterable[str]) -> "Marks":
        return cls({split(key)[1]: key for key in keys})

    @property
    def generation(self) -> int:
        numbers = (what.partition(".")[0] for what in self.keys if what.endswith(f".{ENTRY}"))
        return max((int(number) for number in numbers if number.isdigit()), default=1)

    @property
    def latest_change(self) -> str | None:
        """Times are of one length, and the name that earlier versions gave to the only one sorts before them."""
        return max((key for what, key in self.keys.items() if what.startswith(CHANGED)), default=None)

    @property
    def is_gone(self) -> bool:
        return GONE in self.keys


def split(key: str) -> tuple[str, str]:
    """The id in a key, and what the object says of it."""
    task_id, _, what = key.rpartition("/")[2].partition(".")
    return task_id, what


@dataclass(frozen=True, slots=True)
class Day:
    """The folder of a day: the keys of its entries, and those of the marks of each task."""

    root: str
    entries: list[str] = field(default_factory=list)
    marks: Mapping[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, root: str, keys: Iterator[str]) -> "Day":
        day = cls(root)
        for key in keys:
            task_id, what = split(key)
            (day.entries if what in {ENTRY, BATCH} else day.marks[task_id]).append(key)
        return day
