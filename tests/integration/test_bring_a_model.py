"""A model that is not ours, brought and asked by docs/models.md alone: what stands there is run as it is."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import servers

from orchestrator.adapters.av_codec.codec import AvCodec
from orchestrator.adapters.pillow_images import PillowImages
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.domain.media import MediaInfo, MediaKind
from orchestrator.domain.signature import Signature
from orchestrator.pipelines.pipeline import CancelToken, Outcome, Workbench
from orchestrator.pipelines.types.model_infer import TENSORS, ModelInfer, ModelInferParams
from orchestrator.ports.codec import Picture

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text().partition("## Bring a model, step by step")[2].partition("\n## ")[0]
MODEL = "basic_pitch"


def code(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


MAKE_WINDOWS, MAKE_EXPECTED, COMPARE = code("python")
(CONFIG,) = code("proto")


def python(source: str, folder: Path, *, of: str) -> str:
    """Run a piece of the page in one of the two environments."""
    interpreter = ROOT / of / "bin" / "python"
    return subprocess.run(
        [interpreter, "-P", "-c", source], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


@dataclass(frozen=True)
class Desk:
    """A folder as the page leaves it, and the servers of a node."""

    folder: Path
    engine: TritonEngine
    control: TritonControl

    def infer(self, source: Path, info: MediaInfo, *, model: str) -> Outcome:
        bench = Workbench(
            self.folder,
            self.engine,
            PillowImages(),
            AvCodec(),
            CancelToken(),
            lambda _: None,
            source=source,
            info=info,
            signature=lambda: Signature.parse(self.control.config(model)),
        )
        return ModelInfer().run(ModelInferParams(model=model), bench)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder, zoo = tmp_path_factory.mktemp("desk"), ROOT / "triton" / "zoo"
    for script, dest in (("guests.py", folder), ("media.py", ROOT / ".cache" / "media")):
        subprocess.run([ROOT / ".venv-triton" / "bin" / "python", zoo / script, "--dest", dest], check=True)
    shutil.copy(ROOT / ".cache" / "media" / "two_cities.wav", folder)
    with servers.triton(tmp_path_factory.mktemp("triton"), models=("realesrgan_x4",)) as server:
        release = server.repository / MODEL
        (release / "1").mkdir(parents=True)
        shutil.copy(folder / "basic_pitch.onnx", release / "1" / "model.onnx")
        (release / "config.pbtxt").write_text(CONFIG)
        control = TritonControl(server.grpc, control_key=servers.CONTROL_KEY)
        control.load(MODEL)
        yield Desk(folder, TritonEngine(server.grpc), control)


def test_a_strangers_model_says_what_it_says_in_process(desk: Desk) -> None:
    assert python(MAKE_WINDOWS, desk.folder, of=".venv") == "(4, 43844, 1) float32\n"
    python(MAKE_EXPECTED, desk.folder, of=".venv-triton")
    outcome = desk.infer(desk.folder / "windows.npz", MediaInfo(MediaKind.TENSORS, container="npz"), model=MODEL)
    assert {name: shown["shape"] for name, shown in outcome.result["outputs"].items()} == {
        "StatefulPartitionedCall:2": [4, 172, 88],
        "StatefulPartitionedCall:1": [4, 172, 88],
        "StatefulPartitionedCall:0": [4, 172, 264],
    }
    results = desk.folder / "results"
    results.mkdir()
    shutil.copy(desk.folder / TENSORS, results)
    differences = [float(line.split()[-1]) for line in python(COMPARE, desk.folder, of=".venv").splitlines()]
    assert len(differences) == 3
    assert max(differences) < 1e-5
    with np.load(results / TENSORS) as made:
        assert max(float(made[name].max()) for name in made) > 0.5, "somebody speaks, and it hears something"


def test_a_picture_needs_no_word_where_the_model_takes_pixels(desk: Desk) -> None:
    pictures = PillowImages()
    photo = pictures.decode(ROOT / ".cache" / "media" / "photo.png").rgb[:24, :40]
    source = desk.folder / "crop.png"
    pictures.encode(Picture(photo), source)
    outcome = desk.infer(source, pictures.probe(source), model="realesrgan_x4")
    assert outcome.result["outputs"]["upscaled"]["shape"] == [1, 3, 96, 160]
