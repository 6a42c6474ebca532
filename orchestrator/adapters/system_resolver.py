"""`NameResolver` by the resolver of the machine."""

import socket

from orchestrator.domain.errors import Category, Unavailable


class SystemResolver:
    """Asks anew each time."""

    def resolve(self, host: str, port: int) -> tuple[str, ...]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # a label of more than 63 characters is a UnicodeError
            message = f"the name {host} has no address now"
            raise Unavailable(message, service="dns", category=Category.NETWORK, code="name_not_found") from error
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
