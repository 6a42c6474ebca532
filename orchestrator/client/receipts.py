"""What receipts are checked with."""

from dataclasses import dataclass

from orchestrator.client.calls import Call, Caller


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """A public key that signs or has signed receipts; ``value`` is in base64."""

    key_id: str
    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class Receipts:
    """`Client.receipts`. Every method raises `ApiError` if the service refuses or is away."""

    caller: Caller

    def keys(self) -> tuple[ReceiptKey, ...]:
        """The key that signs now comes first."""
        items = self.caller.send(Call("GET", "/v1/receipts/keys"))["items"]
        return tuple(ReceiptKey(item["key_id"], item["algorithm"], item["value"]) for item in items)
