"""The entry: `orchestrator …` and `python -m orchestrator …`."""

import sys

from orchestrator.cli.app import build_cli
from orchestrator.domain.errors import OrchestratorError


def main() -> None:
    """Run the command line; our own errors are one line on standard error and status 1, never a traceback."""
    try:
        build_cli()()
    except OrchestratorError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
