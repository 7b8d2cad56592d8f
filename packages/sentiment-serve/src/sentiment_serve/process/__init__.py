"""The process around the application: its start, its logs, its end."""
