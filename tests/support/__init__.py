"""What tests of several packages share."""

from tests.support.processes import (
    BIN,
    ROOT,
    Process,
    api_workers,
    eventually,
    free_port,
    mlflow_server,
    running,
)

__all__ = [
    "BIN",
    "ROOT",
    "Process",
    "api_workers",
    "eventually",
    "free_port",
    "mlflow_server",
    "running",
]
