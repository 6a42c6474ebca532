"""Register the outputs of a task in the content system, each once: as a file, as a link, or not at all (ADR 0036)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import structlog

from orchestrator.domain.content import FAULTY, ContentNames, DocumentRef, Outputs
from orchestrator.domain.errors import InputNotFound, Refused, Unavailable
from orchestrator.domain.project import Project
from orchestrator.domain.task import Artifact, Task
from orchestrator.pipelines.local_copy import local_copy
from orchestrator.ports.content import ContentSystem, OutputDocument
from orchestrator.ports.storage import ObjectStorage

log = structlog.get_logger()

Way = Callable[[], DocumentRef]


@dataclass(frozen=True, slots=True)
class RegisterOutputs:
    """``file_bytes`` is the largest file that the CMS takes; it is not asked again and again."""

    content: ContentSystem
    storage: ObjectStorage
    scratch_dir: Path
    file_bytes: int

    def register(self, project: Project, task: Task, *, names: ContentNames, is_repeat: bool) -> list[DocumentRef]:
        """The documents of those outputs that the CMS takes. What it will not take keeps no task from being told.

        Raises:
            Unavailable, Overloaded: later; but in a repeat a CMS that fails over an output is like one that refuses it.
        """
        found = (self._register(project, task.id, artifact=artifact, names=names) for artifact in task.outputs)
        return [document for ways in found if (document := _first(ways, is_repeat=is_repeat))]

    def _register(self, project: Project, task_id: str, *, artifact: Artifact, names: ContentNames) -> Iterator[Way]:
        """The ways in which it may be shown, best first."""
        name = PurePath(artifact.name)  # first, since editors see the beginning; alone, Payload would have to count
        filename = f"{name.stem}-{task_id}{name.suffix}"
        output = OutputDocument(names, artifact.key, filename, artifact.content_type, artifact.size_bytes)
        if project.shown_outputs is Outputs.FILE and artifact.size_bytes <= self.file_bytes:
            yield lambda: self._upload(output)
        if project.shown_outputs is not Outputs.NONE and project.cdn_url:
            url = f"{project.cdn_url.rstrip('/')}/{artifact.key}"
            yield lambda: self.content.register_link(output, url)

    def _upload(self, output: OutputDocument) -> DocumentRef:
        stored = self.storage.head(output.external_id)
        with local_copy(self.storage, stored, limit_bytes=self.file_bytes, scratch_dir=self.scratch_dir) as (_, source):
            return self.content.register_file(output, source)


def _first(ways: Iterator[Way], *, is_repeat: bool) -> DocumentRef | None:
    for way in ways:
        try:
            return way()
        except (Refused, InputNotFound) as error:
            log.warning("content.output_left_out", code=error.code, error=str(error))
        except Unavailable as error:
            if error.code != FAULTY or not is_repeat:
                raise
            log.warning("content.output_left_out", code=error.code, error=str(error))
    return None
