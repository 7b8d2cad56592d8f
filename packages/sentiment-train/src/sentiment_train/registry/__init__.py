"""What goes to MLflow and comes back from it: runs, versions, promotion, export."""
