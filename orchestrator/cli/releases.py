"""`orchestrator models push`, `releases` and `delete-release`: releases of models, immutable (ADR 0047)."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from orchestrator.cli.session import Session, with_session
from orchestrator.cli.swaps import follow_swap, swap_table
from orchestrator.client.errors import SwapNotFound
from orchestrator.client.release_folder import read_release
from orchestrator.client.releases import NewRelease, Release

NUMBER = r"[0-9]+(?:\.[0-9]+)?"
GOLDEN = re.compile(
    r"(?P<sample>[^=]+)=(?P<expected>.+):(?:(?P<exact>exact)"
    rf"|(?P<least>psnr|ssim)>=(?P<at_least>{NUMBER})|max_abs<=(?P<at_most>{NUMBER}))"
)
SHOWN_ETAG = 12

WhatArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="model.onnx, model.pt, or a folder laid out like a release.")
]
NameOption = Annotated[str, typer.Option("--name", help="The model.")]
ReleaseOption = Annotated[int | None, typer.Option("--release", min=1, help="Its version; the next when absent.")]
PrefixOption = Annotated[
    str | None, typer.Option("--from-prefix", metavar="PREFIX", help="A folder of the node's bucket instead of FILE.")
]
ConfigOption = Annotated[
    Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="config.pbtxt; else one is made.")
]
GoldenOption = Annotated[
    list[str] | None,
    typer.Option(metavar="SAMPLE=EXPECTED:METRIC", help="psnr>=40, ssim>=0.98, max_abs<=0.01 or exact; repeatable."),
]
WarmupOption = Annotated[
    list[Path] | None, typer.Option(exists=True, dir_okay=False, help="An .npz to warm up with; again for more.")
]
PictureOption = Annotated[str | None, typer.Option(metavar="JSON", help="How a picture becomes its input.")]
LabelsOption = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Names of its classes, one a line.")
]
SourceOption = Annotated[str | None, typer.Option(help="Where the model comes from.")]
LicenceOption = Annotated[str | None, typer.Option(help="Its licence.")]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="The model.")]
VersionArgument = Annotated[int, typer.Argument(metavar="VERSION", help="The release's number.")]


@dataclass(frozen=True, slots=True)
class Beside:
    """What goes with the model."""

    config: ConfigOption = None
    golden: GoldenOption = None
    warmup: WarmupOption = None
    picture: PictureOption = None
    labels: LabelsOption = None
    source: SourceOption = None
    licence: LicenceOption = None

    def join(self, new: NewRelease) -> NewRelease:
        files = dict(new.files)
        goldens = [_golden(text, files) for text in self.golden or ()]
        for path in self.warmup or ():
            add_file(files, f"warmup/{path.name}", path=path)
        if self.labels:
            add_file(files, self.labels.name, path=self.labels)
        given: dict[str, Any] = {
            "config": _text(self.config) if self.config else "",
            "goldens": goldens,
            "picture": _json(self.picture) if self.picture else None,
            "source": self.source,
            "licence": self.licence,
        }
        return replace(new, files=files, **{name: value for name, value in given.items() if value})


@with_session
def push(
    session: Session,
    what: WhatArgument = None,
    *,
    name: NameOption,
    release: ReleaseOption = None,
    from_prefix: PrefixOption = None,
    beside: Beside,
) -> None:
    """Make a release of a model. The same again is the same release; what broke off goes on.

    The first of a model is tried at once, and serves when it has passed: status 1 if it has not.
    """
    if (what is None) == (from_prefix is None):
        raise typer.BadParameter("give a file or a folder, or --from-prefix", param_hint="FILE")
    new = NewRelease({}, from_prefix=from_prefix) if what is None else _read(what)
    made = _push(session, name, new=beside.join(new), version=release)
    session.show(releases_table([made]), made.raw)
    _try_first(session, made)


def _try_first(session: Session, made: Release) -> None:
    """How its swap goes on, if the service has begun one."""
    try:
        swap = session.client.models.swaps.get(made.model)
    except SwapNotFound:
        return
    if swap.new != made.name or swap.is_settled:
        return
    last = follow_swap(session, made.model, first=swap)
    session.progress.print(swap_table(last))
    if not last.has_succeeded:
        raise typer.Exit(1)


@with_session
def list_releases(session: Session, model: ModelArgument) -> None:
    """Every release of a model."""
    found = session.client.models.releases.list(model)
    session.show(releases_table(found), [release.raw for release in found])


@with_session
def delete_release(session: Session, model: ModelArgument, version: VersionArgument) -> None:
    """Delete a release that nobody uses. Its number is not given again."""
    session.client.models.releases.delete(model, version)
    session.progress.print(f"{model}@{version} is deleted")


def releases_table(found: Iterable[Release]) -> Table:
    """A release a line."""
    table = Table("release", "MB", "goldens", "source", "licence", "etag", box=None, padding=(0, 1, 0, 0))
    for release in found:
        size, goldens = f"{release.size_bytes / 1e6:.1f}", str(len(release.raw["goldens"]))
        table.add_row(
            release.name, size, goldens, escape(release.source), escape(release.licence), release.etag[:SHOWN_ETAG]
        )
    return table


def parse_golden(text: str) -> tuple[Path, Path, Mapping[str, Any]]:
    """The sample, what must come of it, and how near."""
    found = GOLDEN.fullmatch(text)
    if not found:
        raise typer.BadParameter(f"{text!r} is not SAMPLE=EXPECTED:METRIC", param_hint="--golden")
    metric = found["exact"] or found["least"] or "max_abs"
    bound = float(found["at_least"] or found["at_most"] or 0)
    return Path(found["sample"]), Path(found["expected"]), {"metric": metric, "bound": bound}


def add_file(files: dict[str, Path], name: str, *, path: Path) -> str:
    """Put it among the files of the release, and say under which name."""
    if files.setdefault(name, path) != path:
        raise typer.BadParameter(f"{path} and {files[name]} would both be {name}")
    return name


def _golden(text: str, files: dict[str, Path]) -> Mapping[str, Any]:
    sample, expected, how = parse_golden(text)
    named = {}
    for which, path in (("sample", sample), ("expected", expected)):
        if not path.is_file():
            raise typer.BadParameter(f"there is no file {path}", param_hint="--golden")
        named[which] = add_file(files, f"golden/{path.name}", path=path)
    return {**named, **how}


def _text(config: Path) -> str:
    try:
        return config.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{config} is no text in UTF-8", param_hint="--config") from error


def _json(text: str) -> Mapping[str, Any]:
    try:
        value: Mapping[str, Any] = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter("this is not JSON", param_hint="--picture") from error
    return value


def _read(what: Path) -> NewRelease:
    if not what.exists():
        raise typer.BadParameter(f"there is no file {what}", param_hint="FILE")
    try:
        return read_release(what)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="FILE") from error


def _push(session: Session, model: str, *, new: NewRelease, version: int | None) -> Release:
    columns = (TextColumn("push"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=session.progress) as bars:
        bar = bars.add_task("push", total=sum(path.stat().st_size for path in new.files.values()))
        return session.client.models.releases.push(
            model, new, version=version, on_progress=lambda sent, _total: bars.update(bar, completed=sent)
        )
