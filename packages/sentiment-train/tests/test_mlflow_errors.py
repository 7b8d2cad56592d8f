import boto3.exceptions
import botocore.exceptions
import mlflow
import pytest
import requests
import sqlalchemy.exc
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ErrorCode

from sentiment_core import errors
from sentiment_train.registry.mlflow_errors import MLFLOW_ERRORS, mapped_mlflow_errors


@pytest.mark.parametrize("code", MLFLOW_ERRORS)
def test_each_code_of_the_table_is_one_of_mlflow_and_has_its_meaning(code):
    with pytest.raises(MLFLOW_ERRORS[code]) as caught, mapped_mlflow_errors():
        raise MlflowException("what it says", error_code=ErrorCode.Value(code))
    assert "what it says" in str(caught.value)
    assert isinstance(caught.value.__cause__, MlflowException)


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        (MlflowException("x", error_code=ErrorCode.Value("QUOTA_EXCEEDED")), errors.RefusedError),
        (requests.exceptions.ConnectionError("refused"), errors.UnreachableError),
        (requests.exceptions.ReadTimeout("late"), errors.UnreachableError),
        (sqlalchemy.exc.OperationalError("s", {}, OSError("locked")), errors.UnreachableError),
        (boto3.exceptions.S3UploadFailedError("broken"), errors.UnreachableError),
        (botocore.exceptions.NoCredentialsError(), errors.DeniedError),
        (
            botocore.exceptions.ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject"),
            errors.DeniedError,
        ),
        (sqlalchemy.exc.IntegrityError("s", {}, OSError("twice")), errors.ConflictError),
    ],
)
def test_what_has_no_code_has_a_meaning_too(error, cls):
    with pytest.raises(cls), mapped_mlflow_errors():
        raise error


def test_a_bug_stays_a_bug():
    with pytest.raises(KeyError), mapped_mlflow_errors():
        raise KeyError("ours")


def test_mlflow_itself_is_understood(settings):
    """On the real SQLite registry: missing, twice, wrong."""
    client = mlflow.MlflowClient()
    with pytest.raises(errors.NotFoundError), mapped_mlflow_errors():
        client.get_registered_model("nothing")
    client.create_registered_model("there")
    with pytest.raises(errors.ConflictError), mapped_mlflow_errors():
        client.create_registered_model("there")
    with pytest.raises(errors.InputError), mapped_mlflow_errors():
        client.set_registered_model_alias("there", "not/allowed", "1")


def test_a_server_that_is_away_and_a_database_that_is_no_database_are_unreachable(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (tmp_path / "text.db").write_text("this is no database" * 100)
    for uri in ("http://127.0.0.1:9", f"sqlite:///{tmp_path}/text.db"):
        with pytest.raises(errors.UnreachableError), mapped_mlflow_errors():
            mlflow.MlflowClient(uri, uri).get_registered_model("any")


def test_an_address_of_no_server_is_a_wrong_setting(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://x")
    with (
        pytest.raises(errors.SettingsError, match="MLFLOW_TRACKING_URI=nonsense://x is no address"),
        mapped_mlflow_errors(),
    ):
        mlflow.MlflowClient().search_registered_models()


def test_a_database_that_may_not_be_written_to_is_named_with_the_setting(tmp_path):
    (tmp_path / "mlflow.db").touch()
    engine = sqlalchemy.create_engine(f"sqlite:///file:{tmp_path}/mlflow.db?mode=ro&uri=true")
    with (
        pytest.raises(
            errors.DeniedError, match=r"Cannot write to the database .* set SENTIMENT_HOME"
        ),
        mapped_mlflow_errors(),
        engine.begin() as connection,
    ):
        connection.execute(sqlalchemy.text("create table any_table (x int)"))
    engine.dispose()
