"""The training flow: data sources, MLflow tracking, registry and promotion."""
