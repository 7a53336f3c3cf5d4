"""`python -m local COMMAND`, from any Python: enters the project's environment by itself."""

import os
import sys

from local import bootstrap


def main() -> int:
    """Run one command; the result is the exit code."""
    try:
        bootstrap.enter("local")
    except bootstrap.BootstrapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130

    # gRPC would hold up, and complain of, each start of another program.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    from local import commands  # only now are its packages there

    return commands.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
