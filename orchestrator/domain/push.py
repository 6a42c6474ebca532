"""A push: what somebody wants to become a release, before anybody has opened it; and what may be in one (ADR 0047)."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from orchestrator.domain.canonical import canonical_json
from orchestrator.domain.errors import FieldError
from orchestrator.domain.manifest import Golden, PictureSpec, parse_picture
from orchestrator.domain.model import Release

ROOT = "models/"
MODEL = r"[a-z0-9][a-z0-9_-]{0,62}"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
CONFIG, PUSH, MANIFEST = "config.pbtxt", "push.json", "manifest.json"
WEIGHTS = ("model.onnx", "model.pt")
BACKENDS: Mapping[str, str] = {"model.onnx": "onnxruntime", "model.pt": "pytorch"}
# All that a release may hold beside its configuration. No code, no library, nothing that Triton would run.
KINDS = re.compile(rf"model\.(onnx|pt)|warmup/{NAME}\.npz|golden/{NAME}\.(png|jpg|jpeg|webp|npz)|{NAME}\.txt")
VERSIONED = re.compile(r"[1-9][0-9]{0,8}/(model\.(?:onnx|pt))")


@dataclass(frozen=True, slots=True)
class PushLimits:
    """How much one release may hold. ``small_bytes`` is the most of any file that is not the model itself."""

    total_bytes: int = 8 * 1024**3
    small_bytes: int = 64 * 1024**2
    files: int = 100


PUSH_LIMITS = PushLimits()


@dataclass(frozen=True, slots=True)
class PushedFile:
    """A file of a push. It comes from the client, or it is the object at ``origin``, with ``etag``, and is copied.

    Without ``sha256`` nobody has said what it must be.
    """

    path: str
    size_bytes: int
    sha256: str = ""
    origin: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """A folder of object storage as files of a push; ``config`` is the text of its config.pbtxt, empty without one."""

    files: tuple[PushedFile, ...] = ()
    config: str = ""


@dataclass(frozen=True, slots=True)
class Push:
    """All that a release will be made of but its version. Without ``config`` one is made for what the file takes."""

    model: str
    files: tuple[PushedFile, ...]
    config: str = ""
    goldens: tuple[Golden, ...] = ()
    picture: PictureSpec | None = None
    source: str = ""
    licence: str = ""

    @property
    def weights(self) -> PushedFile:
        return next(file for file in self.files if file.path in WEIGHTS)

    @property
    def fingerprint(self) -> str:
        """Equal for pushes of the same."""
        return hashlib.sha256(canonical_json(self.render())).hexdigest()

    def render(self) -> Mapping[str, Any]:
        return asdict(self)

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> Self:
        """What `render` made, also after a way through JSON.

        Raises:
            KeyError, TypeError: it is something else.
        """
        picture = stored["picture"]
        return cls(
            **{
                **stored,
                "files": tuple(PushedFile(**file) for file in stored["files"]),
                "goldens": tuple(Golden(**golden) for golden in stored["goldens"]),
                "picture": picture and parse_picture(picture),
            }
        )


def folder_of(release: Release) -> str:
    """What the keys of a release's objects begin with."""
    return f"{ROOT}{release.model}/{release.version}/"


def pushed_path(path: str) -> str:
    """The path without a version before the model: that is given later."""
    versioned = VERSIONED.fullmatch(path)
    return versioned[1] if versioned else path


def placed_path(path: str, version: int) -> str:
    """Where in the folder of release ``version`` it lies: Triton reads a model's version from there."""
    return f"{version}/{path}" if path in WEIGHTS else path


def find_flaws(push: Push, limits: PushLimits) -> tuple[FieldError, ...]:
    """What is wrong with a push, as far as its list of files can tell."""
    return (*_flaws_of_files(push, limits), *_flaws_of_samples(push))


def _flaws_of_files(push: Push, limits: PushLimits) -> Iterator[FieldError]:
    if sum(file.path in WEIGHTS for file in push.files) != 1:
        yield FieldError("files", "a release has one model: model.onnx or model.pt")
    if len(push.files) > limits.files:
        yield FieldError("files", f"a release has at most {limits.files} files")
    if sum(file.size_bytes for file in push.files) > limits.total_bytes:
        yield FieldError("files", f"a release has at most {limits.total_bytes} bytes")
    times = Counter(file.path.lower() for file in push.files)
    for at, file in enumerate(push.files):
        if not KINDS.fullmatch(file.path):
            yield FieldError(f"files.{at}.path", _unwanted(file.path))
        if file.path not in WEIGHTS and file.size_bytes > limits.small_bytes:
            yield FieldError(f"files.{at}.size_bytes", f"only the model may have more than {limits.small_bytes} bytes")
        if times[file.path.lower()] > 1:
            yield FieldError(f"files.{at}.path", "there is another of this name")


def _unwanted(path: str) -> str:
    if path.startswith("configs/"):
        return f"{path!r}: a release has one configuration, for nodes with a GPU and without: config.pbtxt"
    return f"{path!r}: a release holds a model, warmup/, golden/ and labels, nothing else"


def _flaws_of_samples(push: Push) -> Iterator[FieldError]:
    there = {file.path for file in push.files}
    for at, golden in enumerate(push.goldens):
        for name in ("sample", "expected"):
            if getattr(golden, name) not in there:
                yield FieldError(f"goldens.{at}.{name}", "there is no such file in the push")
    if push.picture and push.picture.labels and push.picture.labels not in there:
        yield FieldError("picture.labels", "there is no such file in the push")
