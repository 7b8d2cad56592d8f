"""Keys of the store, one for each server, that open its own buckets alone.

MinIO takes users and policies from its administrator. Stores that are configured otherwise, such as
SeaweedFS by its file of identities, have the keys already: then they are tried.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from sentiment_cli.deployment.catalogue import DeploymentSecrets
from sentiment_core.errors import DeniedError, SettingsError
from sentiment_core.s3_errors import mapped_s3_errors
from sentiment_core.s3_store import s3_client
from sentiment_core.store_settings import StoreSettings

_ON_BUCKET: Final = ("GetBucketLocation", "ListBucket", "ListBucketMultipartUploads")
_ON_OBJECTS: Final = (
    "GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts",
)  # fmt: skip
_ALREADY: Final = "PolicyChangeAlreadyApplied"


@dataclass(frozen=True)
class StoreUser:
    """A key of the store, and what it opens.

    Attributes
    ----------
    name : str
        The access key id.
    buckets : tuple of str
        Where it may read, write and delete objects.
    origin : {"made", "was there"}
        Whether the store took it from here.
    """

    name: str
    buckets: tuple[str, ...]
    origin: Literal["made", "was there"]


_BUCKETS: Final = {"mlflow": ("mlflow-artifacts",), "training": ("models", "data")}


def make_store_users(administrator: StoreSettings, secrets: DeploymentSecrets) -> list[StoreUser]:
    """Give each server its key, where a secret for it is given; can be repeated.

    Parameters
    ----------
    administrator : StoreSettings
        The store, and the keys of its administrator.
    secrets : DeploymentSecrets
        ``MLFLOW_STORE_SECRET`` and ``TRAINING_STORE_SECRET``.

    Raises
    ------
    DeniedError
        If the store takes neither the users nor their keys.
    SentimentError
        If it does not answer.
    """
    given = {"mlflow": secrets.mlflow_store_secret, "training": secrets.training_store_secret}
    return [
        _make(administrator, name, secret, _BUCKETS[name])
        for name, secret in given.items()
        if secret is not None
    ]


def policy_for(buckets: tuple[str, ...]) -> dict[str, Any]:
    """Return the policy that opens buckets, in the language of AWS IAM."""
    places = [f"arn:aws:s3:::{bucket}" for bucket in buckets]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": [f"s3:{name}" for name in _ON_BUCKET],
             "Resource": places},
            {"Effect": "Allow", "Action": [f"s3:{name}" for name in _ON_OBJECTS],
             "Resource": [f"{place}/*" for place in places]},
        ],
    }  # fmt: skip


def _make(
    administrator: StoreSettings, name: str, secret: SecretStr, buckets: tuple[str, ...]
) -> StoreUser:
    problem = _tell_minio(administrator, name, secret, buckets)
    user = administrator.model_copy(
        update={"aws_access_key_id": name, "aws_secret_access_key": secret}
    )
    try:
        for bucket in buckets:
            with mapped_s3_errors(f"the bucket {bucket}", user):
                s3_client(user).list_objects_v2(Bucket=bucket, MaxKeys=1)
    except DeniedError as error:
        raise DeniedError(
            f"The store does not take the key {name!r}{f' ({problem})' if problem else ''}: it is "
            f"no MinIO, or refuses its administrator. Give {name!r} its secret and a policy for "
            f"{', '.join(buckets)} in the store's own way."
        ) from error
    return StoreUser(name, buckets, "was there" if problem else "made")


def _tell_minio(
    administrator: StoreSettings, name: str, secret: SecretStr, buckets: tuple[str, ...]
) -> str | None:
    """Make the user with MinIO's administration; return what is wrong if that is not there."""
    from minio import MinioAdmin
    from minio.credentials.providers import StaticProvider
    from minio.error import MinioAdminException
    from urllib3.exceptions import HTTPError

    address = urlsplit(administrator.endpoint or "")
    key, root = administrator.aws_access_key_id, administrator.aws_secret_access_key
    if not address.netloc or key is None or root is None:
        raise SettingsError(
            "Users of the store need MLFLOW_S3_ENDPOINT_URL and the administrator's keys: set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    admin = MinioAdmin(
        endpoint=address.netloc,
        credentials=StaticProvider(key, root.get_secret_value()),
        secure=address.scheme == "https",
    )
    try:
        admin.policy_add(name, policy=policy_for(buckets))
        admin.user_add(name, secret.get_secret_value())
        try:
            admin.attach_policy([name], user=name)
        except MinioAdminException as error:
            if _ALREADY not in str(error):
                raise
    except MinioAdminException as error:
        return str(error).partition(", Body:")[0]
    except HTTPError as error:
        return type(error).__name__
    return None
