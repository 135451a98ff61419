"""fake_forge as a process, and what happens on it."""
import json
import os
import pathlib
import subprocess
import urllib.request

from fleet import wait_for
from followed import WEBHOOK_SECRET
from plugin import BIN


def control(forge, do, /, **arguments):
    """Something happens on the forge at this address; what it says of it."""
    request = urllib.request.Request(forge + "/_control", json.dumps({"do": do, **arguments}).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        told = json.load(answer)
    assert told["ok"], told
    return told


class FakeForge:
    """A forge that plays `kind` for the source of a Followed; use as a context manager."""

    def __init__(self, followed, kind):
        self.followed, self.kind = followed, kind
        ready = followed.path / "forge.ready"
        self.process = subprocess.Popen([os.path.join(BIN, "fake_forge"), "--type", kind, "--ready-file",
                                         ready], stdin=subprocess.DEVNULL)
        self.told = json.loads(wait_for(lambda: ready.exists() and ready.read_text(), "the forge"))
        (followed.secrets / "forge").write_text(self.told["token"])
        self.control("user", login="ana", role="write")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait(10)

    def control(self, do, /, **arguments):
        return control(self.told["url"], do, **arguments)

    def spec(self, poll_seconds):
        """As a GitSource has it."""
        return {"type": self.kind, "api_url": self.told["api_url"], "project": self.told["project"],
                "token": {"file": "forge"}, "poll_seconds": poll_seconds}

    def tell_reconciler(self):
        """From now on, of everything that happens."""
        self.control("webhook", url=f"{self.followed.hooks}/{self.followed.name}", secret=WEBHOOK_SECRET)

    def open(self, number, head, base, file):
        """A pull request that changes one file of the source, by its path."""
        given = self.control("open", head_branch=f"change-{number}", head_sha=head, base_sha=base,
                             author="ana", title=f"change {number}", diff={file: [[1, 500]]})
        assert given["number"] == number, given

    def comments(self, number):
        return [comment for comment in self.control("dump")["comments"] if comment["number"] == number]

    def states(self, head):
        """Of a commit's statuses."""
        return [status["state"] for status in self.control("dump")["statuses"] if status["sha"] == head]
