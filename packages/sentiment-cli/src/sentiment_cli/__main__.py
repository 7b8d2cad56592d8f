"""The command as installed, and ``python -m sentiment_cli``."""

from sentiment_cli.interruption import interruption


def main() -> None:
    """Run the command line; its libraries are imported under the guard already."""
    with interruption.watched():
        from sentiment_cli.app import app
        from sentiment_core.redaction import redact_output

        redact_output()
        app()


if __name__ == "__main__":
    main()
