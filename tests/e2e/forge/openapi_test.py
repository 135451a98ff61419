#!/usr/bin/env python3
"""Holds every request that our GitHub client makes against GitHub's published OpenAPI description.

contract_probe (the client) -> prism (knows the description, says what is wrong) -> fake_forge. The fake
alone would share our misunderstandings; the description alone answers nothing that one could go on with.
Answers are not held against it: the fake has the fields that we read and no more.

Ends with 77 (skipped) where `tools/setup --full` has not installed prism and the description.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("ESPALIER_BIN", ROOT / "build/release/bin"))
TOOLS = pathlib.Path(os.environ.get("ESPALIER_TOOLS_DIR", ROOT / "build/tools"))
MODULES = TOOLS / "forge-contract/node_modules"
DESCRIPTION = MODULES / "@octokit/openapi/generated/api.github.com.json"
PRISM = MODULES / "@stoplight/prism-cli/dist/index.js"
# What a client of one repository may touch. A path beyond it is a path that GitHub does not have.
PATHS = re.compile(r"/user$|/app$|/app/installations/|/repos/\{owner\}/\{repo\}/"
                   r"(pulls|issues|statuses|commits|check-runs|collaborators|git|installation)(/|$)")

if not DESCRIPTION.exists() or shutil.which("node") is None:
    print("prism or GitHub's description is not installed: tools/setup --full does it")
    sys.exit(77)


class Programs:
    """Starts programs and ends them, those that it started."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def start(self, name, *command):
        log = open(self.folder / f"{name}.log", "wb")
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT)
        self.running.append((process, log))
        return process

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait(self, name, process, ready, seconds):
        deadline = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{name} did not start:\n{self.log(name)[-2000:]}")
            time.sleep(0.1)

    def stop(self):
        for process, log in self.running:
            process.terminate()
            process.wait(timeout=30)
            log.close()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class GithubContractTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="espalier-contract-")
        cls.addClassCleanup(directory.cleanup)
        folder = pathlib.Path(directory.name)
        programs = Programs(folder)
        cls.addClassCleanup(programs.stop)
        ready = folder / "ready"
        fake = programs.start("fake", BIN / "fake_forge", "--type", "github", "--app-id", "42", "--ready-file", ready)
        programs.wait("fake", fake, lambda: ready.exists() and ready.read_text(), 30)
        cls.fake = json.loads(ready.read_text())
        # The whole of it takes prism a minute to read, for some thousand paths that are none of ours.
        document = json.loads(DESCRIPTION.read_text())
        document["paths"] = {p: item for p, item in document["paths"].items() if PATHS.match(p)}
        assert len(document["paths"]) > 50, "the description is not what it was"
        (folder / "github.json").write_text(json.dumps(document))
        port = free_port()
        prism = programs.start("prism", "node", PRISM, "proxy", "--host", "127.0.0.1", "--port", port,
                               folder / "github.json", cls.fake["api_url"])
        programs.wait("prism", prism, lambda: "Prism is listening" in programs.log("prism"), 180)
        cls.url = f"http://127.0.0.1:{port}"

    def ask(self, method, path, body):
        request = urllib.request.Request(self.url + path, method=method, data=json.dumps(body).encode(), headers={
            "Authorization": f"Bearer {self.fake['token']}", "Content-Type": "application/json",
            "Accept": "application/vnd.github+json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def test_a_wrong_request_is_seen(self):
        # Otherwise the other test would say nothing.
        _, headers, _ = self.ask("POST", "/repos/acme/fleet/issues/1/comments", {"text": "x"})
        self.assertIn('"request"', headers.get("sl-violations", ""))
        _, headers, _ = self.ask("POST", "/repos/acme/fleet/check-run", {})
        self.assertIn("route not found", headers.get("sl-violations", ""))

    def test_every_request_is_as_documented(self):
        done = subprocess.run(
            [BIN / "contract_probe", "--url", self.url, "--project", self.fake["project"], "--token",
             self.fake["token"], "--app-id", "42", "--app-key-file", self.fake["app_key_file"], "--head", "a" * 40],
            capture_output=True, text=True, timeout=180)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        requests, violations = map(int, re.fullmatch(r"(\d+) requests, (\d+) violations\n", done.stdout).groups())
        self.assertEqual(violations, 0)
        self.assertGreaterEqual(requests, 70)
        print(done.stdout, end="")


if __name__ == "__main__":
    unittest.main()
