"""Fits, evaluates, draws and describes a model."""
