"""Where a training runs: this process, a temporary Prefect server, or a worker."""
