"""What signs is remembered for a second, and not beyond what this process itself has changed."""

from dataclasses import dataclass, field

from run_room import HandClock

from orchestrator.domain.webhook import Endpoint, EndpointChange, Receiver, Secrets
from orchestrator.ports.webhooks import FoundEndpoint
from orchestrator.wiring.known_signing import KNOWN_FOR_S, KnownSigning

RECEIVER = Receiver("https://example.com/hooks", "example.com")
SECRETS = Secrets(b"s" * 32)


@dataclass
class Asked:
    """A `Signing` that counts its questions."""

    questions: list[str] = field(default_factory=list)

    def unseal(self, project: str, endpoint_id: str) -> FoundEndpoint:
        self.questions.append(f"{project}/{endpoint_id}")
        return FoundEndpoint(Endpoint(endpoint_id, project, RECEIVER), SECRETS, 0)

    def own_secrets(self, project: str, *, otherwise: bytes) -> Secrets:
        self.questions.append(project)
        return Secrets(otherwise)

    def change(self, project: str, endpoint_id: str, *, change: EndpointChange) -> Endpoint:
        return Endpoint(endpoint_id, project, RECEIVER, disabled_reason=change.disabled_reason)


def test_each_is_asked_for_once_a_second() -> None:
    asked, clock = Asked(), HandClock()
    signing = KnownSigning(asked, clock)
    for _ in range(3):
        assert signing.unseal("film-a", "whk_1").secrets == SECRETS
        assert signing.own_secrets("film-a", otherwise=b"o" * 32).newest == b"o" * 32
    assert asked.questions == ["film-a/whk_1", "film-a"]
    clock.pause(KNOWN_FOR_S)
    signing.unseal("film-a", "whk_1")
    signing.own_secrets("film-a", otherwise=b"o" * 32)
    assert asked.questions == ["film-a/whk_1", "film-a"] * 2


def test_what_is_one_projects_is_not_anothers() -> None:
    asked = Asked()
    signing = KnownSigning(asked, HandClock())
    signing.unseal("film-a", "whk_1")
    signing.unseal("film-b", "whk_1")
    assert asked.questions == ["film-a/whk_1", "film-b/whk_1"]


def test_what_this_process_changes_it_asks_for_again() -> None:
    asked = Asked()
    signing = KnownSigning(asked, HandClock())
    signing.unseal("film-a", "whk_1")
    signing.change("film-a", "whk_1", change=EndpointChange(disabled_reason="gone"))
    signing.unseal("film-a", "whk_1")
    assert len(asked.questions) == 2
