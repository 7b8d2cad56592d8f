"""Labelled reviews: their sources, the file they are kept in, checks and the split."""
