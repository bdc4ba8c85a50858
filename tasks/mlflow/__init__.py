"""MLflow: the store, what is tracked, one reader, models and their registry."""
