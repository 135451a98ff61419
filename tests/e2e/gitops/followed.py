"""A git repository of declarations and the reconciler that follows it, beside the engine of a Fleet."""
import hashlib
import hmac
import os
import pathlib
import subprocess
import tempfile
import urllib.error
import urllib.request

from fleet import wait_for
from plugin import BIN

WEBHOOK_SECRET = "a secret between forge and reconciler"


def vm_yaml(file, index, ttl_seconds=3600):
    return f"""---
# Builds and signs.
apiVersion: espalier/v1
kind: Vm
metadata:
  name: vm-{file}-{index}
  namespace: team-{file % 10}
  labels:
    team: ios
    purpose: build
spec:
  image: registry.example/macos/sonoma:14.6
  cpu: 4
  memory_mib: 8192
  host_labels: {{rack: "a1"}}
  ports:
    http:
      guest: 8080
  guest_metadata:
    queue: "default"
  power: on
  ttl_seconds: {ttl_seconds}
  restart: on_failure
"""


class Followed:
    """Use as a context manager, inside of the Fleet's. The source's name is `name`."""

    def __init__(self, fleet, files=1, objects_per_file=1, name="fleet", poll_seconds=30):
        self.fleet, self.name, self.poll_seconds = fleet, name, poll_seconds
        self.objects_per_file = objects_per_file
        self.changes = 0
        self.directory = tempfile.TemporaryDirectory(prefix="espalier-followed-")
        self.path = pathlib.Path(self.directory.name)
        self.repository, self.checkout = self.path / "fleet.git", self.path / "checkout"
        self.git_at(self.path, "init", "-q", "--bare", "-b", "main", self.repository)
        self.git_at(self.path, "init", "-q", "-b", "main", self.checkout)
        for file in range(files):
            self.write(file)
        self.commit()
        self.secrets = self.path / "secrets"
        self.secrets.mkdir()
        (self.secrets / "hook").write_text(WEBHOOK_SECRET)
        self.cache = self.path / "cache"

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        if "espalier-reconciler" in self.fleet.processes:
            self.fleet.end("espalier-reconciler")
        self.directory.cleanup()

    def start(self):
        token = self.path / "token"
        if not token.exists():
            subprocess.run([os.path.join(BIN, "espalier"), "--engine", self.fleet.engine,
                            "--token-file", self.fleet.token_file, "token", "create", "--role",
                            "reconciler", "--source", self.name, "--out", token], check=True,
                           stdout=subprocess.DEVNULL)
        ready = self.fleet._start("espalier-reconciler", [
            "--engine", self.fleet.engine, "--token-file", str(token), "--cache-dir",
            str(self.cache), "--webhook", "127.0.0.1:0", "--secrets-dir", str(self.secrets)])
        self.hooks = f"http://{ready['webhook']}/hooks"

    # The repository.

    @staticmethod
    def git_at(directory, *arguments):
        return subprocess.run(
            ["git", *map(str, arguments)], cwd=directory, check=True, text=True,
            stdout=subprocess.PIPE, env={
                **os.environ, "HOME": str(directory), "GIT_AUTHOR_NAME": "ana",
                "GIT_AUTHOR_EMAIL": "ana@fleet.example", "GIT_COMMITTER_NAME": "ana",
                "GIT_COMMITTER_EMAIL": "ana@fleet.example"}).stdout.strip()

    @staticmethod
    def path_of(file):
        return f"fleet/{file // 20}/{file}.yaml"

    def write(self, file, ttl_seconds=3600):
        path = self.checkout / self.path_of(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(vm_yaml(file, index, ttl_seconds)
                                for index in range(self.objects_per_file)))

    def commit(self):
        """Pushes what lies in the checkout; the commit."""
        self.git_at(self.checkout, "add", "-A")
        self.git_at(self.checkout, "commit", "-q", "--allow-empty", "-m", "the fleet")
        self.git_at(self.checkout, "push", "-q", self.repository, "main")
        return self.head()

    def propose(self, number):
        """What lies in the checkout, as the head of a pull request and no longer here; the commit."""
        self.git_at(self.checkout, "add", "-A")
        self.git_at(self.checkout, "commit", "-q", "-m", f"change {number}")
        head = self.head()
        self.git_at(self.checkout, "push", "-q", "-f", self.repository, f"HEAD:refs/pull/{number}/head")
        self.git_at(self.checkout, "reset", "-q", "--hard", "HEAD~1")
        return head

    def push(self, file):
        """Changes all objects of one file in place, so that they differ from everything before."""
        self.changes += 1
        self.write(file, 3600 + self.changes)
        return self.commit()

    def head(self):
        return self.git_at(self.checkout, "rev-parse", "HEAD")

    # The source.

    def declare_source(self, **spec):
        self.fleet.request("POST", "git_sources", {
            "apiVersion": "espalier/v1", "kind": "GitSource", "metadata": {"name": self.name},
            "spec": {"repository": str(self.repository), "path": "fleet",
                     "poll_seconds": self.poll_seconds, "webhook_secret": {"file": "hook"}, **spec}})

    def source(self):
        return self.fleet.request("GET", f"git_sources/{self.name}")

    def wait_until_applied(self, commit, seconds=60):
        def is_applied():
            return (self.source().get("status") or {}).get("applied_commit") == commit
        try:
            wait_for(is_applied, f"{commit} to be applied", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.source().get('status')}") from error

    def hook(self, source=None, secret=WEBHOOK_SECRET, body=b"{}"):
        """A webhook; the status that answered it."""
        signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        request = urllib.request.Request(f"{self.hooks}/{source or self.name}", data=body, method="POST",
                                         headers={"X-Hub-Signature-256": signature})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    # The reconciler's process.

    @property
    def pid(self):
        return self.fleet.processes["espalier-reconciler"].pid

    def status(self, name):
        """A figure of /proc/PID/status, in KiB where it is one of memory."""
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        raise KeyError(name)

    def processor_seconds(self):
        """Of the process and of the children that have ended: each fetch is one."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def packs(self):
        return sum(1 for _ in self.cache.rglob("*.pack"))
