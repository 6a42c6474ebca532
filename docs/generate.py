"""Writes docs/configuration.md and .env.example from `orchestrator/settings`; `--check` only says what is stale."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, SecretStr, TypeAdapter
from pydantic.fields import FieldInfo

from orchestrator.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

PAGE_HEAD = """\
# Configuration

<!-- Generated from orchestrator/settings by docs/generate.py: `make fmt` writes it, `make docs` checks it. -->

Every process reads the same variables, all of them in [`orchestrator/settings`](../orchestrator/settings).
Durations are ISO 8601 (`PT30S`, `PT1H`, `P7D`), objects are JSON. No secret has a default: one that is empty here has
to be given. [`.env.example`](../.env.example) is the same list as a file to start from. `orchestrator up` sets what its
own processes need, so a laptop needs none of it.
"""

ENV_HEAD = """\
# Generated from orchestrator/settings by docs/generate.py. Copy it to .env and uncomment what differs.
# What each variable means: docs/configuration.md. Keep .env out of git and readable by its owner alone.
"""

ENV_TAIL = """\

# --- only docker-compose.gpu.yml reads these; it builds ORCH_REDIS__URL from the first
#REDIS_PASSWORD=
"""

WORDS: Mapping[Any, str] = {
    str: "text", int: "integer", float: "number", bool: "true or false",
    SecretStr: "secret", timedelta: "duration", Path: "path", dict: "JSON object", tuple: "JSON list",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, every column already in words."""

    name: str
    kind: str
    default: str
    description: str


def main() -> int:
    """Write the pages that differ, or with ``--check`` return 1 when one does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = {path: text for path, text in generated().items() if not path.is_file() or path.read_text() != text}
    for path, text in stale.items():
        sys.stdout.write(f"{path.relative_to(ROOT)} {'is stale: run make fmt' if check else 'written'}\n")
        if not check:
            path.write_text(text)
    return 1 if check and stale else 0


def generated() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    return {ROOT / "docs" / "configuration.md": render_page(), ROOT / ".env.example": render_env()}


def render_page() -> str:
    parts = [PAGE_HEAD]
    for title, summary, variables in sections():
        rows = [
            f"| `{v.name}` | {v.kind} | {f'`{v.default}`' if v.default else ''} | {v.description} |" for v in variables
        ]
        table = "\n".join(["| variable | value | default | meaning |", "|---|---|---|---|", *rows])
        parts.append(f"## {title}\n\n{summary}\n\n{table}\n")
    return "\n".join(parts)


def render_env() -> str:
    parts = [ENV_HEAD]
    for title, summary, variables in sections():
        lines = [f"#{variable.name}={variable.default}" for variable in variables]
        parts.append("\n".join([f"\n# --- {title}: {summary}", *lines]) + "\n")
    return "".join([*parts, ENV_TAIL])


def sections() -> Iterator[tuple[str, str, list[Variable]]]:
    """Yield (name, what it configures, its variables) in the order of the settings."""
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            message = f"Settings.{name} is not a section"
            raise TypeError(message)
        summary = (section.__doc__ or "").partition("\n")[0]
        fields = section.model_fields.items()
        yield name, summary, [parse_variable(f"ORCH_{name}__{key}".upper(), item) for key, item in fields]


def parse_variable(name: str, field: FieldInfo) -> Variable:
    default = render_default(field.get_default(call_default_factory=True))
    return Variable(name, render_kind(field), default, (field.description or "").replace("|", "\\|"))


def render_kind(field: FieldInfo) -> str:
    annotation = next((arm for arm in union_arms(field.annotation) if arm is not type(None)), field.annotation)
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    bounds = [f"≥ {rule.ge}" for rule in field.metadata if isinstance(rule, Ge)]
    bounds += [f"≤ {rule.le}" for rule in field.metadata if isinstance(rule, Le)]
    return " ".join([WORDS[get_origin(annotation) or annotation], *bounds])


def union_arms(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - any annotation at all
    return get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)


def render_default(value: object) -> str:
    """The default as one would type it; nothing for what is empty."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", {}, ()):
        return ""
    return TypeAdapter(type(value)).dump_json(value).decode().strip('"')


if __name__ == "__main__":
    sys.exit(main())
