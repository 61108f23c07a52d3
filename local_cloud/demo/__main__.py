"""The commands of the local cloud: `launch` a product, `serve` until stopped, open `psql` on a database."""

from __future__ import annotations

import argparse
import logging
import sys

from rich.console import Console

from .refusals import RefusedError, refuse_unless_on_offer, usable_port
from .stopping import Stop


def main() -> int:
    """Run the command the arguments name; the exit status is 0 only when it did what was asked."""
    parser = argparse.ArgumentParser(prog="python -m local_cloud.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    launching = commands.add_parser("launch", help="launch the product and show it happen")
    launching.add_argument("parameters", nargs="*", metavar="KEY=VALUE", help="the product's parameters")
    launching.add_argument("--version", default="", help="if not the one that the catalog recommends")
    launching.add_argument("--speed", type=_speed, default=200.0, help="AWS seconds in one second here")

    serving = commands.add_parser("serve", help="serve the deployed catalog for the aws command")
    serving.add_argument("--port", default="0", help="loopback port; 0 lets the system choose")
    serving.add_argument("--speed", type=_speed, default=100.0, help="AWS seconds in one second here")

    connecting = commands.add_parser(
        "psql",
        allow_abbrev=False,
        help="open psql on a database of a served cloud; it gets all other arguments",
    )
    connecting.add_argument("--endpoint", required=True, help="the URL of the cloud")
    connecting.add_argument("--instance", default="", help="the DB instance, if there is more than one")

    arguments, others = parser.parse_known_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    console = Console(highlight=False, emoji=False)
    if arguments.command == "psql":
        return _psql(arguments, others)
    if others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    stop = Stop()
    # The commands load moto, which takes seconds: what can be refused is refused before.
    try:
        if arguments.command == "launch":
            parameters = _pairs(parser, arguments.parameters)
            refuse_unless_on_offer(arguments.version)
            from .launch import launch

            return launch(console, parameters, arguments.speed, arguments.version)
        port = usable_port(arguments.port)
        from .serve import serve

        return serve(console, port, arguments.speed, stop)
    except RefusedError as error:
        print(error, file=sys.stderr)  # noqa: T201 - what the app printed goes where it would have gone
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left.")
        return 130


def _psql(arguments: argparse.Namespace, others: list[str]) -> int:
    from ..rds.postgresql.packages import NoServerError
    from .psql import psql

    try:
        psql(arguments.endpoint, arguments.instance, others)
    except (RefusedError, NoServerError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - psql's own errors go there, too
    return 1


def _pairs(parser: argparse.ArgumentParser, words: list[str]) -> dict[str, str]:
    pairs = dict(word.partition("=")[::2] for word in words)
    if wrong := [word for word in words if "=" not in word]:
        parser.error(f"parameters are written KEY=VALUE, without '=': {', '.join(wrong)}")
    return pairs


def _speed(text: str) -> float:
    speed = float(text)
    if speed <= 0:
        raise argparse.ArgumentTypeError("the speed is a number above 0")
    return speed


if __name__ == "__main__":
    sys.exit(main())
