"""``python -m sentiment_cli``."""

from sentiment_cli.app import main

main()
