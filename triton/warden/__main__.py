"""The warden of NVIDIA's container: `python3 -m warden --address HOST:PORT --releases DIR -- COMMAND…`.

The control key is in ORCH_TRITON__CONTROL_KEY, sizes of Triton's own pools in ORCH_MODELS__*_MIB. The server's command
must name `DIR/models` as a repository.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from warden.keep import keep
from warden.pools import PoolError, read_pools
from warden.server import Server, make_repository, region_prefix

KEY = "ORCH_TRITON__CONTROL_KEY"
HIDDEN = {KEY, "PYTHONPATH"}  # the second is how the container finds us


def main() -> int:
    """Run until the server ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--releases", type=Path, required=True)
    parser.add_argument("--grace-s", type=float, default=35.0, help="for the server to end by itself")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    try:
        pools = read_pools(os.environ)
    except PoolError as error:
        parser.error(str(error))
    make_repository(options.releases)
    host, _, port = options.address.rpartition(":")
    regions = f"--backend-config=python,shm-region-prefix-name={region_prefix()}"
    command = [*options.command, *pools.flags(), regions]
    env = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    server = Server(command, env, cwd=Path.cwd(), grace_s=options.grace_s)
    address, key = (host, int(port)), os.environ[KEY]
    return keep(server, address=address, control_key=key, releases=options.releases, pools=pools)


if __name__ == "__main__":
    sys.exit(main())
