"""Commands on the buckets that everything else expects."""

from typing import TYPE_CHECKING, Annotated

import typer

from sentiment_cli.commands.backup import (
    ExistingBackup,
    NewBackup,
    opened,
    restore_to,
    show_made,
)
from sentiment_cli.options import DryRunOption, JsonOption, YesOption
from sentiment_cli.output import check_answerable, print_json
from sentiment_cli.progress import progress

if TYPE_CHECKING:
    from sentiment_core.store_settings import StoreSettings


def init_storage(
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for the store.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Make the buckets mlflow-artifacts, models and data where they are missing.

    The store is the one that MLFLOW_S3_ENDPOINT_URL (or AWS_ENDPOINT_URL) names, or else AWS. Where
    MLFLOW_STORE_SECRET and TRAINING_STORE_SECRET are set, the keys "mlflow" and "training" are made
    too, each for its own buckets.
    """
    from sentiment_cli.buckets import make_buckets
    from sentiment_cli.deployment.catalogue import DeploymentSecrets
    from sentiment_cli.deployment.store_users import make_store_users
    from sentiment_cli.settings import read_settings

    settings = _settings()
    with progress("Waiting for the store"):
        buckets = make_buckets(settings, timeout_seconds=timeout)
        users = make_store_users(settings, read_settings(DeploymentSecrets))
    if as_json:
        print_json({"buckets": buckets, "users": users})
        return
    typer.echo(f"Buckets on {_place(settings)}:")
    for bucket in buckets:
        typer.echo(f"  {bucket.name}: {'created' if bucket.created else 'was there'}")
    for user in users:
        typer.echo(f"  key {user.name} for {', '.join(user.buckets)}: {user.origin}")


def init_registry(as_json: JsonOption = False) -> None:
    """Make MLflow's users "training", who may write, and "api", who may read.

    Needs MLFLOW_TRACKING_URI of a server with authentication, MLFLOW_ADMIN_PASSWORD,
    MLFLOW_TRAINING_PASSWORD and MLFLOW_API_PASSWORD. Repeating it sets their passwords anew.
    """
    from sentiment_cli.deployment.catalogue import DeploymentSecrets
    from sentiment_cli.deployment.registry_users import make_registry_users
    from sentiment_cli.settings import configure, read_settings
    from sentiment_core.errors import SettingsError

    uri = configure(needs_home=False).mlflow_tracking_uri
    if uri is None:
        raise SettingsError("Set MLFLOW_TRACKING_URI: only a server has users.")
    users = make_registry_users(uri, read_settings(DeploymentSecrets))
    if as_json:
        print_json(users)
        return
    typer.echo(f"Users of {uri}:")
    for user in users:
        typer.echo(f"  {user.name} may {user.access}: {'made' if user.created else 'was there'}")


def backup_storage(path: NewBackup, as_json: JsonOption = False) -> None:
    """Make a backup of the buckets alone; `backup` tells more of backups."""
    from sentiment_cli.backup.create import create_backup
    from sentiment_cli.backup.servers import Servers
    from sentiment_cli.buckets import BUCKETS

    servers = Servers(_settings())
    with progress("Copying") as show_detail:
        made = create_backup(path, servers, (), BUCKETS, show_detail)
    show_made(made, as_json=as_json)


def restore_storage(
    path: ExistingBackup,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the buckets equal to those of a backup; other objects in them are deleted."""
    from sentiment_cli.backup.servers import Servers

    settings = _settings()
    place = f"the buckets on {_place(settings)}"
    backup = opened(path)
    check_answerable(f"Replace {place} by the backup?", yes=yes or dry_run)
    restore_to(
        backup, Servers(settings), place,
        with_databases=False, dry_run=dry_run, yes=yes, as_json=as_json,
    )  # fmt: skip


def _settings() -> "StoreSettings":
    from sentiment_cli.settings import read_settings
    from sentiment_core.store_settings import StoreSettings

    return read_settings(StoreSettings)


def _place(settings: "StoreSettings") -> str:
    return settings.endpoint or "AWS S3"
