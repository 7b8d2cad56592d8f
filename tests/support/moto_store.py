"""An S3 server in this process, which takes any key that S3 allows."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from moto.server import ThreadedMotoServer

from sentiment_core.store_settings import StoreSettings

KEY = "any"


@contextmanager
def moto_store() -> Iterator[tuple[StoreSettings, dict[str, str]]]:
    """Run an empty server.

    Yields
    ------
    settings : StoreSettings
        How it is reached.
    environment : dict of str to str
        The same, as environment variables.
    """
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    httpx.post(f"{url}/moto-api/reset").raise_for_status()
    environment = {
        "MLFLOW_S3_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    settings = StoreSettings(
        endpoint=url, aws_access_key_id=KEY, aws_secret_access_key=KEY,
        aws_default_region=environment["AWS_DEFAULT_REGION"],
    )  # fmt: skip
    try:
        yield settings, environment
    finally:
        server.stop()
