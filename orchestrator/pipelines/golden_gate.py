"""Samples of a release, sent through it where it is loaded: they warm it up, and tell whether its outputs are right."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from orchestrator.domain.manifest import Golden, Manifest
from orchestrator.domain.model import Placement
from orchestrator.domain.signature import Signature
from orchestrator.pipelines.likeness import Verdict, compare
from orchestrator.pipelines.model_io import (
    cut_batches,
    find_picture_input,
    fit_tensors,
    join_batches,
    picture_of,
    tensor_of,
)
from orchestrator.pipelines.tensor_files import read_tensors
from orchestrator.ports.clock import Clock
from orchestrator.ports.codec import PictureCodec
from orchestrator.ports.inference import InferenceServer, Tensors
from orchestrator.ports.releases import Releases

WARM_UP = "warmup/"
TENSORS = frozenset({"npz", "npy"})


@dataclass(frozen=True, slots=True)
class Subject:
    """A release where it is loaded, and the manifest whose samples it is asked."""

    manifest: Manifest
    placement: Placement
    signature: Signature


@dataclass(frozen=True, slots=True)
class GoldenGate:
    """Asks as a run would: by the release's name, on its instance. ``servers`` knows every instance by its address."""

    releases: Releases
    pictures: PictureCodec
    servers: Callable[[str], InferenceServer]
    clock: Clock
    timeout_s: float = 60.0

    def subject(self, manifest: Manifest, placement: Placement) -> Subject:
        """What is to be asked.

        Raises:
            Unavailable: it is not loaded there.
        """
        signature = Signature.parse(self.servers(placement.instance).control.config(placement.release))
        return Subject(manifest, placement, replace(signature, picture=manifest.picture or signature.picture))

    def warm_up(self, subject: Subject) -> Mapping[str, float]:
        """Send each sample of ``warmup/`` once; how long each took, in ms.

        Raises:
            InvalidParams, UnsupportedMedia: a sample does not fit the release.
            Others as `Inference.result`: it does not answer.
        """
        samples = [file.path for file in subject.manifest.files if file.path.startswith(WARM_UP)]
        return {f"{path} ms": self._ask(subject, path)[1] for path in samples}

    def judge(self, subject: Subject) -> tuple[Verdict, ...]:
        """What comes of each golden sample. Raises as `warm_up`."""
        return tuple(self._judge(subject, golden) for golden in subject.manifest.goldens)

    def time_ms(self, subject: Subject, *, times: int = 5) -> float:
        """The median time of an answer to the golden samples, of which there is one at least. Raises as `warm_up`."""
        samples = [golden.sample for golden in subject.manifest.goldens[:times]]
        return median(self._ask(subject, samples[at % len(samples)])[1] for at in range(times))

    def _judge(self, subject: Subject, golden: Golden) -> Verdict:
        found, _ = self._ask(subject, golden.sample)
        with self._file(subject, golden.expected) as source:
            if _kind(golden.expected) in TENSORS:
                return compare(golden, expected=read_tensors(source, _kind(golden.expected)), found=found)
            expected = np.moveaxis(self.pictures.decode(source).rgb, -1, 0)
        _, spec = find_picture_input(subject.signature)
        shown = np.moveaxis(picture_of(next(iter(found.values())), spec).rgb, -1, 0)
        return compare(golden, expected={"": expected}, found={"": shown})

    def _ask(self, subject: Subject, path: str) -> tuple[Tensors, float]:
        """The outputs for a sample by their names, and the ms that they took."""
        signature, inputs = subject.signature, self._inputs(subject, path)
        engine = self.servers(subject.placement.instance).engine
        names = tuple(output.name for output in signature.outputs)
        began_s = self.clock.monotonic_s()
        parts = (
            (start, engine.submit(subject.placement.release, part, outputs=names).result(self.timeout_s))
            for start, part in cut_batches(inputs, signature.max_batch)
        )
        outputs = join_batches(parts, len(next(iter(inputs.values()))) if signature.max_batch else 0)
        return outputs, 1000 * (self.clock.monotonic_s() - began_s)

    def _inputs(self, subject: Subject, path: str) -> Tensors:
        with self._file(subject, path) as source:
            if _kind(path) in TENSORS:
                return fit_tensors(read_tensors(source, _kind(path)), subject.signature)
            target, spec = find_picture_input(subject.signature)
            rgb = self.pictures.decode(source).rgb
        tensor = tensor_of(rgb, target=target, spec=spec, pictures=self.pictures)
        return fit_tensors({target.name: tensor}, subject.signature)

    @contextmanager
    def _file(self, subject: Subject, path: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix="orch-sample-") as folder:
            file = Path(folder) / f"sample.{_kind(path)}"
            file.write_bytes(self.releases.read(subject.manifest, path))
            yield file


def _kind(path: str) -> str:
    return path.rpartition(".")[2].lower()
