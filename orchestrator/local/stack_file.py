"""`stack.json`: where a running stack can be reached, with which keys, and which processes it consists of."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.local.part import StackError
from orchestrator.local.private_file import write_private
from orchestrator.local.runner import PartView, State
from orchestrator.local.state_folder import StateFolder

PAYLOAD_API = "/api"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class S3Access(_Frozen):
    """The object store."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str


class TritonAccess(_Frozen):
    """Triton and its warden: URLs, but host:port for gRPC."""

    http: str
    grpc: str
    metrics: str
    warden: str


class MetricsAccess(_Frozen):
    """Where Prometheus finds what is not the API's own."""

    workers: str
    keeper: str


class PayloadAccess(_Frozen):
    """PayloadCMS: its REST API, and the key of the user `users/1`."""

    url: str
    api_key: str

    @property
    def site(self) -> str:
        """Where the CMS itself is, as the settings want it."""
        return self.url.removesuffix(PAYLOAD_API)


class Stack(_Frozen):
    """A stack. ``processes`` names the pid of every part, ``parts`` what each is doing, ``supervisor`` their parent."""

    api: str
    api_key: str
    redis: str
    s3: S3Access
    triton: TritonAccess
    metrics: MetricsAccess
    payload: PayloadAccess | None = None
    supervisor: int
    processes: dict[str, int] = {}
    parts: tuple[PartView, ...] = ()


class StackRecorder:
    """Writes `stack.json` once every part has answered, and again whenever a part changes."""

    def __init__(self, path: Path, stack: Stack) -> None:
        self._path = path
        self._stack = stack
        self._recorded: object = None

    def __call__(self, views: Sequence[PartView]) -> None:
        if self._recorded is None and any(view.state is not State.READY for view in views):
            return
        news = [(view.name, view.state, view.pid) for view in views]
        if news == self._recorded:
            return
        processes = self._stack.processes | {view.name: view.pid for view in views if view.pid}
        self._stack = self._stack.model_copy(update={"processes": processes, "parts": tuple(views)})
        try:
            write_private(self._path, self._stack.model_dump_json(indent=2))
        except OSError:  # a full disk must not take the stack down: it is tried again at the next tick
            return
        self._recorded = news


def read_stack(state: StateFolder) -> Stack:
    """The stack that is running in the folder.

    Raises:
        StackError: there is none, it is not ready yet, or another version has started it.
    """
    if state.supervisor_pid() is None:
        raise StackError(f"no stack is running in {state.root}: start one with `orchestrator up`")
    try:
        return Stack.model_validate_json(state.stack_file.read_bytes())
    except FileNotFoundError as error:
        raise StackError(f"the stack in {state.root} is not ready yet") from error
    except ValidationError as error:
        raise StackError(f"another version runs in {state.root}: `orchestrator down`, then `up`") from error
