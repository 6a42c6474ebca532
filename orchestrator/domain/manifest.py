"""The manifest of a release: what its folder holds, what it takes and gives, and how one can tell that it is right."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from orchestrator.domain.canonical import canonical_json
from orchestrator.domain.model import Release

Metric = Literal["psnr", "ssim", "exact", "max_abs"]


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file of the folder; ``path`` is relative, with slashes."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output as the configuration has it: Triton's data type without ``TYPE_``, dims without the batch."""

    name: str
    datatype: str
    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PictureSpec:
    """How a picture becomes the model's one input, and its first output labels.

    Resized to ``width`` and ``height`` (0: as it is), then each channel (value times ``scale``, less ``mean``) by
    ``std``. If ``labels`` names a file of the release, the ``top`` best are named.
    """

    width: int = 0
    height: int = 0
    layout: Literal["chw", "hwc"] = "chw"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    labels: str = ""
    top: int = 5


@dataclass(frozen=True, slots=True)
class Golden:
    """A sample with what must come of it. Files are pictures, or ``.npz`` with the tensors by their names.

    ``bound`` is in the metric's unit: PSNR in dB and SSIM at least, the largest absolute difference at most.
    """

    sample: str
    expected: str
    metric: Metric
    bound: float = 0.0


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of a release. Equal manifests are equal releases."""

    release: Release
    files: tuple[ReleaseFile, ...]
    config_sha256: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    goldens: tuple[Golden, ...] = ()
    picture: PictureSpec | None = None
    source: str = ""
    licence: str = ""

    @property
    def etag(self) -> str:
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
                "release": Release(**stored["release"]),
                "files": tuple(ReleaseFile(**file) for file in stored["files"]),
                "inputs": tuple(map(_tensor, stored["inputs"])),
                "outputs": tuple(map(_tensor, stored["outputs"])),
                "goldens": tuple(Golden(**golden) for golden in stored["goldens"]),
                "picture": picture and parse_picture(picture),
            }
        )


def _tensor(stored: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(stored["name"], stored["datatype"], tuple(stored["dims"]))


def parse_picture(stored: Mapping[str, Any]) -> PictureSpec:
    """A picture's way into a model; what is not said is as usual.

    Raises:
        TypeError: it says something else.
    """
    return PictureSpec(**{**stored, **{name: tuple(stored[name]) for name in ("mean", "std") if name in stored}})
