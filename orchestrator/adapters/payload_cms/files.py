"""`ContentFiles` over Payload's REST API: files that Payload holds, and documents that say where one is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from orchestrator.adapters.payload_cms.api import PayloadApi
from orchestrator.adapters.payload_cms.status import SERVICE
from orchestrator.domain.content import DocumentRef
from orchestrator.domain.errors import Category, InputNotFound, MediaTooLarge, Unavailable
from orchestrator.ports.content import ContentFile
from orchestrator.ports.storage import KeepGoing
from orchestrator.ports.web import UrlFetcher


class PayloadFiles:
    """Implements `ports.content.ContentFiles`. ``web`` goes wherever Payload sends us."""

    def __init__(self, api: PayloadApi, web: UrlFetcher) -> None:
        self._api = api
        self._web = web

    def find(self, document: DocumentRef) -> ContentFile:
        where = {"where[id][equals]": document.id, "limit": 1}  # an id of the wrong shape is one that is not there
        with _of_a_run():
            found = self._api.read(self._api.ask("GET", f"/{document.collection}", params=where), "docs")
        if not found or not found[0].get("url"):
            raise InputNotFound("there is no such document in the CMS, or it has no file")
        return ContentFile(
            DocumentRef(document.collection, found[0]["id"]),
            url=urljoin(self._api.address.root, found[0]["url"]),
            filename=found[0].get("filename") or "",
            size_bytes=found[0].get("filesize"),
            content_type=found[0].get("mimeType") or "",
        )

    def fetch(self, file: ContentFile, destination: Path, *, limit_bytes: int, keep_going: KeepGoing) -> None:
        elsewhere: str | None = file.url
        if self._is_payloads_own(file):
            with _of_a_run(), self._api.stream(file.url) as answer:
                elsewhere = urljoin(file.url, answer.headers["location"]) if answer.has_redirect_location else None
                if elsewhere is None:
                    self._require_file(answer)
                    _save(answer, destination, limit_bytes=limit_bytes, keep_going=keep_going)
        if elsewhere is not None:
            self._web.fetch(elsewhere, destination, limit_bytes=limit_bytes, keep_going=keep_going)

    def _is_payloads_own(self, file: ContentFile) -> bool:
        """Whether it is for our key: a plain path below that of the collection's files, at Payload's own origin."""
        root, url = urlsplit(self._api.address.root), urlsplit(file.url)
        path = unquote(url.path)
        is_plain = not {".", ".."} & set(path.replace("\\", "/").split("/"))
        is_below = path.startswith(f"{root.path}/{file.document.collection}/file/")
        return (url.scheme, url.netloc) == (root.scheme, root.netloc) and is_plain and is_below

    def _require_file(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        answer.read()
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise InputNotFound("the document is there in the CMS, and its file is not")
        raise self._api.parse(answer)


def _save(answer: httpx.Response, destination: Path, *, limit_bytes: int, keep_going: KeepGoing) -> None:
    """Nothing is left of a file that was not written to its end."""
    try:
        with destination.open("xb") as file:
            for chunk in answer.iter_bytes():
                keep_going()
                _require_size(file.tell() + len(chunk), limit_bytes)
                file.write(chunk)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise


def _require_size(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise MediaTooLarge(f"the input has more than {limit_bytes} bytes")


@contextmanager
def _of_a_run() -> Iterator[None]:
    """A run that cannot have its input is tried again as over any network; deliveries have a budget of their own."""
    try:
        yield
    except Unavailable as error:
        if error.category is not Category.CMS:
            raise
        raise Unavailable(str(error), service=SERVICE, category=Category.NETWORK, code=error.code) from error.__cause__
