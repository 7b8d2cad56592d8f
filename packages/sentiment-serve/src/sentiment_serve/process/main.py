"""The console script ``sentiment-serve``."""

import argparse
import sys

import uvicorn
from pydantic import ValidationError

from sentiment_core.errors import DeniedError, SettingsError
from sentiment_serve.process.run_folder import run_folder
from sentiment_serve.settings import ServeSettings, check_log_address, load_settings


def main() -> None:
    """Serve until a signal comes; requests under way are finished first."""
    _parse_arguments()
    try:
        settings, stores = load_settings()
        check_log_address(settings, stores)
    except ValidationError as error:
        problems = "; ".join(
            f"{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_url=False)
        )
        sys.exit(f"Error: invalid settings: {problems}.")
    except (DeniedError, SettingsError) as error:
        sys.exit(f"Error: {error}")
    with run_folder(settings.workers):
        uvicorn.run(
            "sentiment_serve.app:app",
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=settings.shutdown_timeout,
        )


def _parse_arguments() -> None:
    lines = [
        f"  {name.upper():26}{field.description}"
        + ("" if field.default is None else f" [{field.default}]")
        for name, field in ServeSettings.model_fields.items()
    ]
    argparse.ArgumentParser(
        prog="sentiment-serve",
        description="Serve the champion. Settings are environment variables, or lines of .env:",
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
