"""The full stack on this machine, as ordinary processes from wheels."""
