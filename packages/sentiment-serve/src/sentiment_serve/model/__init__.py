"""Finding, fetching, checking and holding the model that answers."""
