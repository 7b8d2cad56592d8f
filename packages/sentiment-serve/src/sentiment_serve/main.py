"""The console script ``sentiment-serve``."""

import argparse
import os
import shutil
import sys
import tempfile

import uvicorn
from pydantic import ValidationError

from sentiment_serve.settings import ServeSettings


def main() -> None:
    """Serve until a signal comes; requests under way are finished first."""
    _parse_arguments()
    try:
        settings = ServeSettings()
    except ValidationError as error:
        problems = "; ".join(
            f"{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_url=False)
        )
        sys.exit(f"Error: invalid settings: {problems}.")
    shared = _share_metrics() if settings.workers > 1 else None
    try:
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
    finally:
        if shared:
            shutil.rmtree(shared, ignore_errors=True)


def _share_metrics() -> str:
    """Let the workers keep their metrics in common files, in a fresh folder."""
    folder = tempfile.mkdtemp(prefix="sentiment-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    return folder


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
