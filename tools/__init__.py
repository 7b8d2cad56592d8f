"""What releases and CI need to know of the workspace; workflows and nox only call it."""
