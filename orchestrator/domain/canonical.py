"""JSON as one sequence of bytes for equal values: what is hashed and signed."""

import json
from typing import Any


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Compact UTF-8, names sorted, numbers as Python writes them.

    Raises:
        ValueError: it holds a number that JSON has no word for.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()
