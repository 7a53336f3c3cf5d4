"""`python -m operate COMMAND`, from any Python: on the stack in a real AWS account."""

import argparse
import os
import sys

from local import bootstrap

INTERRUPTED = 130


def main(words: list[str]) -> int:
    """Run one command; the result is the exit code."""
    from operate import commands
    from operate.account import real
    from operate.console import error
    from operate.errors import OperateError, told

    parser = argparse.ArgumentParser(prog="python -m operate", description=__doc__)
    known = parser.add_subparsers(dest="command", required=True)
    for name, run in commands.COMMANDS.items():
        command = known.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--stack", default=os.environ.get("STACK") or "production")
        commands.arguments(command, name)
    arguments = parser.parse_args(words)
    try:
        account = real(arguments.stack)
        with told(region=account.stack.region, profile=os.environ.get("AWS_PROFILE", "")):
            arguments.run(account, arguments)
    except OperateError as problem:
        error(str(problem))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more; not worth a traceback at exit either
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    try:
        bootstrap.enter("operate")
    except bootstrap.BootstrapError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(main(sys.argv[1:]))
