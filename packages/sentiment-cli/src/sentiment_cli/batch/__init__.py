"""Labels files of any size: chunks of rows, scored by processes, written in their order."""
