"""S3 stores, for every package alike: any store that speaks S3, chosen by the environment."""

import os
from typing import Any
from urllib.parse import urlparse

_CONNECT_TIMEOUT_SECONDS = 3
_READ_TIMEOUT_SECONDS = 60


def s3_endpoint() -> str | None:
    """Name the store that the environment chooses.

    Returns
    -------
    str or None
        ``MLFLOW_S3_ENDPOINT_URL``, which MLflow reads, or else ``AWS_ENDPOINT_URL_S3`` or
        ``AWS_ENDPOINT_URL``, which boto3 reads; None is AWS itself.
    """
    names = ("MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def s3_client(
    *,
    attempts: int = 2,
    endpoint: str | None = None,
    key: str | None = None,
    secret: str | None = None,
) -> Any:
    """Open a client of the store that the environment chooses, or of another one.

    Parameters
    ----------
    attempts : int, default 2
        Tries of each call.
    endpoint, key, secret : str, optional
        Of another store; the default of each is what the environment says.

    Returns
    -------
    S3.Client
        With short time limits.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        read_timeout=_READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": attempts},
        # Many stores do not know the newer checksums that boto3 would send unasked.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint or s3_endpoint(),
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=config,
    )


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Split an address into bucket and key.

    Parameters
    ----------
    uri : str
        ``s3://bucket/key``; the key may be empty.

    Returns
    -------
    bucket, key : str
        The key without slashes at its ends.

    Examples
    --------
    >>> split_s3_uri("s3://models/sentiment-classifier/")
    ('models', 'sentiment-classifier')
    """
    parsed = urlparse(uri)
    return parsed.netloc, parsed.path.strip("/")
