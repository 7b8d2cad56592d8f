"""Backups of databases and buckets: written whole or not at all, and restored the same way."""
