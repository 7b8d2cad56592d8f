import os

from sentiment_train.runtime import configure_runtime
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
