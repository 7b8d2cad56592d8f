"""Where labelled reviews come from."""
