"""How each kind of error ends a command: one table, and nothing guessed from words or names."""

import pytest
import typer
from typer.testing import CliRunner

import sentiment_core.errors
from sentiment_cli.exits import EXIT_CODES, ExitCode, PlainErrorsGroup, exit_code
from sentiment_core.errors import SentimentError, UnreachableError, error_classes


def run(error, **environment):
    app = typer.Typer(cls=PlainErrorsGroup, pretty_exceptions_enable=False)
    app.callback()(lambda: None)

    @app.command()
    def fail():
        raise error

    return CliRunner().invoke(app, ["fail"], env=environment)


OURS = [cls for cls in error_classes() if cls.__module__.startswith("sentiment_")]


def test_the_whole_tree_is_seen():
    named = {value for value in vars(sentiment_core.errors).values() if isinstance(value, type)}
    assert named <= set(OURS)
    assert set(EXIT_CODES) <= {cls.code for cls in OURS}


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_each_error_of_the_tree_is_one_sentence_and_its_exit_code(cls):
    expected = ExitCode.UNREACHABLE if issubclass(cls, UnreachableError) else ExitCode.ERROR
    assert exit_code(cls) is expected
    result = run(cls("What is wrong: what to do."))
    assert result.exit_code == expected
    assert result.stderr == "Error: What is wrong: what to do.\n"


def test_a_leaf_with_a_code_of_its_own_ends_as_its_base():
    class AwayError(UnreachableError):
        code = "away"

    class OtherError(SentimentError):
        code = "other"

    assert exit_code(AwayError) is ExitCode.UNREACHABLE
    assert exit_code(OtherError) is ExitCode.ERROR


def foreign():
    """An error of a library that talks to servers, which is not about the network."""
    from mlflow.exceptions import MlflowException

    class Server(MlflowException):
        """A name and words as of an outage."""

    return Server("Max retries exceeded: the argument is timed out")


@pytest.mark.parametrize("error", [KeyError("name"), ValueError(""), foreign()], ids=repr)
def test_an_error_that_nobody_mapped_is_a_fault_and_says_how_to_see_where(error):
    result = run(error, SENTIMENT_DEBUG="")
    assert result.exit_code == ExitCode.ERROR
    assert result.stderr.startswith(f"Error: {type(error).__name__}")
    assert "set SENTIMENT_DEBUG=1" in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_with_the_variable_the_traceback_is_shown():
    error = KeyError("name")
    assert run(error, SENTIMENT_DEBUG="1").exception is error


def test_a_file_that_cannot_be_used_is_named_and_where_it_is_forbidden_the_remedy_too():
    missing = run(FileNotFoundError(2, "No such file or directory", "none.txt"))
    assert missing.exit_code == ExitCode.ERROR
    assert missing.stderr == "Error: none.txt: No such file or directory.\n"
    for number in (1, 13, 30):
        assert "SENTIMENT_HOME" in run(OSError(number, "Not allowed", "state")).stderr


@pytest.mark.parametrize(
    ("error", "code"), [(typer.Exit(7), 7), (typer.Abort(), 1), (typer.BadParameter("no"), 2)]
)
def test_what_typer_raises_itself_passes(error, code):
    result = run(error)
    assert result.exit_code == code
    assert "fault" not in result.output
