"""What is wrong with a release, or with what somebody wants of it."""

from orchestrator.domain.errors import InvalidParams, RequestError


class ReleaseRefused(InvalidParams):
    """This cannot become a release: `errors` says what is wrong with which file."""

    code = "release_refused"


class ReleaseExists(RequestError):
    """There is such a release already, and it is another one; a release never changes: take the next version."""

    code = "release_exists"


class ReleaseInUse(RequestError):
    """The release is in use and cannot be deleted: swap to another and unload it first."""

    code = "release_in_use"
