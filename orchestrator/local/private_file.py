"""Files with secrets: readable by their owner alone, and never seen half written."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Put ``text`` at ``path`` in one step, mode 0600 from the first moment."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600, exist_ok=False)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
