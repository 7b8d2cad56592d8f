"""The HTTP interface: parse, call, return."""
