"""Keeps one server, and lets whoever has the control key ask for things meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

from warden.life import Life
from warden.pools import Pools
from warden.server import Server


def keep(server: Server, *, address: tuple[str, int], control_key: str, releases: Path, pools: Pools) -> int:
    """Keep the server until it ends or we are told to stop; on the main thread. Returns our exit status.

    ``releases`` is the folder of what is pushed; the server reads what `make_repository` makes in it. ``pools`` are
    what its command says of them.
    """
    life = Life(server)
    life.begin()
    # Imported while the server starts: Python's HTTP server would hold that up by a third of a second.
    from warden.door import open_door  # noqa: PLC0415 - see above
    from warden.duties import routes  # noqa: PLC0415 - see above
    from warden.releases import Releases  # noqa: PLC0415 - see above

    door = open_door(address, control_key=control_key, routes=routes(life, Releases(releases), pools=pools))
    threading.Thread(target=door.serve_forever, name="door", daemon=True).start()
    return life.run()
