"""Answering a text, and what happens to the answer afterwards."""
