from tests.support.stack import champion, model_name, stack, trained_model

__all__ = ["champion", "model_name", "stack", "trained_model"]
