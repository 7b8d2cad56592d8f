"""Drives `docker compose` on one of the project's files, as a user types it."""

import json
import os
import subprocess

from tests.support import ROOT


class Compose:
    """One compose project; everything of it is removed at the end."""

    def __init__(self, file, *options, project, **environment):
        self.command = ["docker", "compose", "-p", project, "-f", str(ROOT / file), *options]
        self.environment = os.environ | environment

    def run(self, *arguments, timeout=600, check=True):
        result = subprocess.run(
            [*self.command, *arguments], cwd=ROOT, env=self.environment, text=True,
            capture_output=True, timeout=timeout, check=False,
        )  # fmt: skip
        if check:
            assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
        return result

    def up(self, *arguments):
        """Start it on nothing: what a run that was killed left behind goes first."""
        self.down()
        result = self.run("up", "-d", "--wait", "--wait-timeout", "240", *arguments, check=False)
        if result.returncode:
            logs = self.run("logs", "--no-color", "--tail", "30", check=False).stdout
            raise AssertionError(result.stderr[-2000:] + logs[-6000:])

    def down(self):
        self.run("down", "-v", "--remove-orphans", check=False)

    def services(self):
        """State of each service, the finished ones too."""
        lines = self.run("ps", "-a", "--format", "json").stdout.splitlines()
        return {item["Service"]: item for item in map(json.loads, lines)}

    def assert_all_run(self, expected):
        """Check that these services, and no others, run or have done their work."""
        services = self.services()
        assert set(services) == expected
        for name, state in services.items():
            if name.startswith("init-"):
                assert (state["State"], state["ExitCode"]) == ("exited", 0), name
            else:
                assert (state["State"], state["Health"] or "healthy") == ("running", "healthy"), (
                    name
                )

    def published(self):
        """The host's address behind each published port, by service and port."""
        return {
            (name, port["PublishedPort"]): port["URL"]
            for name, state in self.services().items()
            for port in state["Publishers"] or ()
            if port["PublishedPort"]
        }

    def cli(self, *arguments):
        """A command of the CLI in the training container."""
        return self.run("exec", "-T", "training", "sentiment-cli", *arguments).stdout
