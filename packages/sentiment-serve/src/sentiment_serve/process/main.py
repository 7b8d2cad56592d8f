"""The console script ``sentiment-serve``."""

import argparse
import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from pydantic import ValidationError

from sentiment_core.errors import DeniedError, SettingsError
from sentiment_core.redaction import redact_output
from sentiment_serve.api_keys import SCOPES, new_key, read_keys
from sentiment_serve.process.event_loop import EVENT_LOOP
from sentiment_serve.process.logs import configure_logging
from sentiment_serve.process.run_folder import run_folder
from sentiment_serve.settings import ServeSettings, check_log_address, load_settings


def main() -> None:
    """Serve until a signal comes; requests under way are finished first."""
    arguments = _parser().parse_args()
    if arguments.command == "new-key":
        _print_new_key(arguments)
        return
    redact_output()
    try:
        settings, stores = load_settings()
        check_log_address(settings, stores)
        if settings.api_keys_file:
            read_keys(settings.api_keys_file)
    except ValidationError as error:
        problems = "; ".join(
            f"{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_url=False)
        )
        sys.exit(f"Error: invalid settings: {problems}.")
    except (DeniedError, SettingsError) as error:
        sys.exit(f"Error: {error}")
    configure_logging()
    if settings.workers > 1 and sys.platform == "linux":
        from sentiment_serve.process.forking import fork_workers

        fork_workers()
    with run_folder(settings.workers), _no_worker_left():
        uvicorn.run(
            "sentiment_serve.app:app",
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            loop=EVENT_LOOP,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=settings.shutdown_timeout,
        )


@contextmanager
def _no_worker_left() -> Iterator[None]:
    """End the workers whatever happens: Python would wait for them for ever after an error."""
    try:
        yield
    finally:
        workers = multiprocessing.active_children()
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _print_new_key(arguments: argparse.Namespace) -> None:
    try:
        key, line = new_key(arguments.name, arguments.scope or ["predict"])
    except SettingsError as error:
        sys.exit(f"Error: {error}")
    print(f"Key, shown only here:\n  {key}\nLine for API_KEYS_FILE:\n  {line}")


def _parser() -> argparse.ArgumentParser:
    lines = [
        f"  {name.upper():26}{field.description}"
        + ("" if field.default is None else f" [{field.default}]")
        for name, field in ServeSettings.model_fields.items()
    ]
    parser = argparse.ArgumentParser(
        prog="sentiment-serve",
        description="Serve the champion. Settings are environment variables, or lines of .env:",
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="new-key")
    maker = commands.add_parser(
        "new-key", help="make a key for a client",
        description="Print a new key, and the line for API_KEYS_FILE that lets it in.",
    )  # fmt: skip
    maker.add_argument("name", help="who gets it: a word for logs and metrics")
    maker.add_argument("--scope", action="append", choices=SCOPES,
                       help="what it opens; may be repeated [predict]")  # fmt: skip
    return parser
