"""Results that are too large for a record: they lie in storage, compressed, and the record keeps a pointer.

The pointer stands where the result would, so whatever copies, shares or restores results need not know of it.
"""

from dataclasses import dataclass, fields
from typing import Any

from orchestrator.domain.task import JsonObject

MOST_INLINE_BYTES = 16_000
RESULT_NAME = "result.json.zst"
CONTENT_TYPE = "application/zstd"
MARK = "$stored"


@dataclass(frozen=True, slots=True)
class StoredResult:
    """``sha256`` and ``size_bytes`` are of the JSON, ``stored_bytes`` is what is left of it under ``key``; ``store`` is
    empty, or `fallback`.
    """

    sha256: str
    size_bytes: int
    stored_bytes: int
    key: str = ""
    store: str = ""

    def render(self) -> JsonObject:
        """Without an empty ``store``, which the versions before it do not know."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        return {MARK: {name: value for name, value in known.items() if name != "store" or value}}


KNOWN = frozenset(field.name for field in fields(StoredResult))


def find_stored(result: JsonObject | None) -> StoredResult | None:
    """The pointer, if that is what ``result`` is. What a later version has added is passed over."""
    if result is None or MARK not in result:
        return None
    return StoredResult(**{name: value for name, value in result[MARK].items() if name in KNOWN})


def result_url(task_id: str) -> str:
    return f"/v1/tasks/{task_id}/result"


def show_result(task_id: str, result: JsonObject | None) -> dict[str, Any]:
    """As clients and receivers see it: itself, or where to get it."""
    if find_stored(result) is None:
        return {"result": result}
    return {"result": None, "result_url": result_url(task_id)}
