"""Pin the input: from what a client named to what a run will fetch, refused here if that can be known already."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.content import DocumentRef
from orchestrator.domain.errors import InvalidParams, MediaTooLarge, UnsupportedMedia
from orchestrator.domain.media import DEFAULT_LIMITS, MediaKind, MediaLimits
from orchestrator.domain.media_format import MediaFormat, accepted, sniff
from orchestrator.domain.media_input import GivenInput
from orchestrator.domain.project import Project
from orchestrator.domain.web_address import PUBLIC_HTTPS, Reach, parse_web_address
from orchestrator.pipelines.pipeline import Pipeline
from orchestrator.ports.content import ContentFiles
from orchestrator.ports.storage import ObjectInfo, ObjectStorage
from orchestrator.ports.uploads import UploadLog

INLINE_NAME = "inline"
TAKEN_UP_WITHIN_S = 900.0  # by the submit that it came with


@dataclass(frozen=True, slots=True)
class PinInput:
    """An inline input becomes an upload like any other, so that there is one way to fetch, adopt and sweep it."""

    storage: ObjectStorage
    log: UploadLog
    new_id: Callable[[str], str]
    limits: MediaLimits = DEFAULT_LIMITS
    reach: Reach = PUBLIC_HTTPS
    content: ContentFiles | None = None

    def pin(self, project: Project, given: GivenInput | None, *, pipeline: Pipeline) -> dict[str, Any]:
        """What the record keeps of the input; empty for a type that takes none.

        Raises:
            InvalidParams, InputNotFound, MediaTooLarge, UnsupportedMedia: no run could use it.
            QuotaExceeded: the project would keep more than it may.
            Unavailable, Overloaded, Refused: the storage, or the CMS, cannot be asked.
        """
        seen = self.look(project, given, pipeline=pipeline)
        if given is None or given.content is None:
            return seen
        return {**seen, **_pinned(self._keep(project, given, accepts=pipeline.accepts))}

    def look(self, project: Project, given: GivenInput | None, *, pipeline: Pipeline) -> dict[str, Any]:
        """As `pin`, but nothing is kept: of an inline input, and of one that is not there yet, it tells the size.

        Raises:
            InvalidParams, InputNotFound, MediaTooLarge, UnsupportedMedia, Unavailable, Overloaded, Refused: as `pin`.
        """
        if given is None:
            if pipeline.accepts:
                raise InvalidParams(f"{pipeline.name} needs an input: a {_kinds(pipeline.accepts)}")
            return {}
        if not pipeline.accepts:
            raise InvalidParams(f"{pipeline.name} takes no input")
        promised = {} if given.sha256 is None else {"sha256": given.sha256}
        if given.url is not None:
            return {"url": self._require_web_address(given.url), **promised}
        if given.document is not None:
            return {**self._look_up(project, given.document, accepts=pipeline.accepts), **promised}
        if given.content is not None:
            _require_known(given.content, pipeline.accepts)
            return {"size_bytes": len(given.content), **promised}
        if given.size_bytes is not None:
            self._require_not_too_large(given.size_bytes, pipeline.accepts)
            return {"size_bytes": given.size_bytes, **promised}
        return {**_pinned(self._find(project, given.object or "", accepts=pipeline.accepts)), **promised}

    def _find(self, project: Project, key: str, *, accepts: frozenset[MediaKind]) -> ObjectInfo:
        """The object as it is now: a run refuses one whose etag differs, because nobody asked for that one."""
        project.require_own_object(key)
        found = self.storage.head(key)
        self._require_not_too_large(found.size_bytes, accepts)
        return found

    def _look_up(self, project: Project, document: DocumentRef, *, accepts: frozenset[MediaKind]) -> dict[str, Any]:
        """The file of a document as it is now. The node's key may open more than is the project's (ADR 0036)."""
        names = project.content
        if names is None or self.content is None:
            raise InvalidParams(
                "input.payload is for projects whose tasks are shown in PayloadCMS (payload_collection)"
            )
        if document.collection not in {names.files, names.links}:
            raise InvalidParams(f"input.payload.collection must be {names.files!r} or {names.links!r}")
        found = self.content.find(document)
        self._require_not_too_large(found.size_bytes or 0, accepts)
        return found.pinned

    def _require_not_too_large(self, size_bytes: int, accepts: frozenset[MediaKind]) -> None:
        limit_bytes = self.limits.bytes_of(accepts)
        if size_bytes > limit_bytes:
            raise MediaTooLarge(f"the input has {size_bytes} bytes; at most {limit_bytes} are accepted")

    def _require_web_address(self, url: str) -> str:
        """Its shape alone. Where its name leads, the run asks that connects: an answer of today proves nothing."""
        if not self.reach.allows_scheme(parse_web_address(url)):
            raise InvalidParams("input.url must begin with https://")
        return url

    def _keep(self, project: Project, given: GivenInput, *, accepts: frozenset[MediaKind]) -> ObjectInfo:
        content = given.content or b""
        known = _require_known(content, accepts)
        key = f"{project.prefix}uploads/{self.new_id('upload')}/{INLINE_NAME}.{known.name}"
        # First, so that it is swept should nobody hear of it again.
        self.log.reserve_for_task(key, size_bytes=len(content), ends_in_s=TAKEN_UP_WITHIN_S)
        return self.storage.put(content, key, content_type=given.content_type or known.content_type)


def _require_known(content: bytes, accepts: frozenset[MediaKind]) -> MediaFormat:
    known = sniff(content)
    if known is None or not known.kinds & accepts:
        raise UnsupportedMedia(f"the input is none of {accepted(accepts)}")
    return known


def _pinned(found: ObjectInfo) -> dict[str, Any]:
    return {
        "object": found.key,
        "etag": found.etag,
        "size_bytes": found.size_bytes,
        "content_type": found.content_type,
    }


def _kinds(accepts: frozenset[MediaKind]) -> str:
    return " or ".join(sorted(accepts))
