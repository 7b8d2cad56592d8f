"""What prepares a production host: secrets, keys of the store, users of MLflow."""
