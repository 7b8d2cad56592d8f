import os

import pytest

from sentiment_core.errors import SettingsError
from sentiment_core.store_settings import StoreSettings
from sentiment_train.running.environment import configure_runtime
from sentiment_train.settings import TrainSettings

NAMES = ("MLFLOW_TRACKING_URI", "PREFECT_API_URL", "PREFECT_HOME", "MODEL_NAME", "SENTIMENT_HOME")


def clean_environment(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"]})
    monkeypatch.chdir(tmp_path)


def test_without_variables_everything_lives_in_one_folder(monkeypatch, tmp_path):
    clean_environment(monkeypatch, tmp_path)
    settings = configure_runtime()
    home = tmp_path / ".sentiment"
    assert settings.home == home
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{home}/mlflow.db"
    assert os.environ["PREFECT_HOME"] == str(home / "prefect")
    assert settings.artifact_location == (home / "artifacts").as_uri()
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_servers_are_chosen_by_the_environment_alone(monkeypatch, tmp_path):
    clean_environment(monkeypatch, tmp_path)
    os.environ["MLFLOW_TRACKING_URI"] = "http://mlflow:5000"
    os.environ["PREFECT_API_URL"] = "http://prefect:4200/api"
    settings = configure_runtime()
    assert settings.tracking_uri == "http://mlflow:5000"
    assert settings.artifact_location is None
    assert "PREFECT_HOME" not in os.environ


def test_the_env_file_is_read_and_the_environment_wins(monkeypatch, tmp_path):
    clean_environment(monkeypatch, tmp_path)
    (tmp_path / ".env").write_text(
        "MODEL_NAME=from-file\nMLFLOW_EXPERIMENT_NAME=from-file\n"
        "AWS_ACCESS_KEY_ID=key\n"
        "PREFECT_API_URL=\n"
    )
    os.environ["MODEL_NAME"] = "from-environment"
    settings = configure_runtime()
    assert settings.model_name == "from-environment"
    assert settings.mlflow_experiment_name == "from-file"
    assert settings.prefect_api_url is None
    assert os.environ["AWS_ACCESS_KEY_ID"] == "key"


def test_settings_have_descriptions():
    assert all(field.description for field in TrainSettings.model_fields.values())


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"]
)
def test_a_secret_may_stand_in_a_file_that_the_env_file_names(monkeypatch, tmp_path, name):
    clean_environment(monkeypatch, tmp_path)
    (tmp_path / "secret").write_text("hush\n")
    (tmp_path / ".env").write_text(f"{name}_FILE={tmp_path}/secret\n")
    settings = configure_runtime()
    assert os.environ[name] == "hush"  # where MLflow and boto3 look
    assert "hush" not in f"{settings!r} {StoreSettings()!r}"


def test_a_home_that_cannot_be_made_is_a_plain_error(monkeypatch, tmp_path):
    clean_environment(monkeypatch, tmp_path)
    (tmp_path / "file").write_text("")
    os.environ["SENTIMENT_HOME"] = str(tmp_path / "file" / "home")
    with pytest.raises(SettingsError, match="SENTIMENT_HOME"):
        configure_runtime()
    configure_runtime(needs_home=False)
