"""A source whose pull requests stand on a forge: what the tests of this folder play in.

Everything is real but the forge, which is fake_forge.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
for folder in ("tests/scenarios", "tests/e2e/provider"):
    sys.path.insert(0, str(ROOT / folder))
import forge_process  # noqa: E402
import scenario  # noqa: E402

SECRET = "only the forge knows"
HEADS = {"github": "refs/pull/{}/head", "gitlab": "refs/merge-requests/{}/head",
         "gitea": "refs/pull/{}/head"}


def image(name, tag="1"):
    return ("apiVersion: espalier/v1\nkind: Image\nmetadata:\n"
            f"  name: {name}\nspec:\n  reference: registry.example/{name}:{tag}\n")


class PullRequestWorld(scenario.World):
    """An engine, a repository, a forge and the reconciler of the source "fleet"."""

    def __init__(self, directory, forge):
        super().__init__(directory)
        self.forge = forge
        ready = directory / "forge.ready"
        self.start("forge", scenario.BIN / "fake_forge", "--type", forge, "--ready-file", ready)
        self.wait_for("forge", lambda: ready.exists() and ready.read_text())
        self.told = json.loads(ready.read_text())
        self.control("user", login="ana", role="write")
        self.control("user", login="mallory", role="read")
        self.secret("FORGE_TOKEN", self.told["token"])
        self.secret("HOOK_SECRET", SECRET)
        self.git("init", "-q", "--bare", "fleet.git")
        self.git("init", "-q", "-b", "main", "checkout")
        self.base = self.commit({"a.yaml": image("a"), "b.yaml": image("b")})
        self.push("main", "refs/heads/main")

    def control(self, do, **arguments):
        return forge_process.control(self.told["url"], do, **arguments)

    def git(self, *words, cwd=None):
        return subprocess.run(["git", "-c", "user.name=ana", "-c", "user.email=ana@example.test", *words],
                              cwd=cwd or self.directory, env=self.environment, check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()

    def commit(self, files, branch="main"):
        """Writes the files on the branch; None removes one."""
        checkout = self.directory / "checkout"
        if self.git("branch", "--list", branch, cwd=checkout):
            self.git("checkout", "-q", branch, cwd=checkout)
        elif branch != "main":
            self.git("checkout", "-q", "-b", branch, cwd=checkout)
        for name, text in files.items():
            if text is None:
                (checkout / name).unlink()
            else:
                (checkout / name).write_text(text)
        self.git("add", "-A", cwd=checkout)
        self.git("commit", "-q", "-m", f"change {', '.join(files)}", cwd=checkout)
        return self.git("rev-parse", "HEAD", cwd=checkout)

    def push(self, what, *refs):
        for ref in refs:
            self.git("push", "-q", "-f", "../fleet.git", f"{what}:{ref}", cwd=self.directory / "checkout")

    def declare_source(self, more=""):
        """`more`: fields of the spec."""
        (self.directory / "source.yaml").write_text(f"""apiVersion: espalier/v1
kind: GitSource
metadata: {{name: fleet}}
spec:
  repository: {self.directory}/fleet.git
  poll_seconds: 3600
  webhook_secret: {{env: HOOK_SECRET}}
  drift_policy: alert
  destruction_budget: {{percent: 100}}
  forge:
    type: {self.forge}
    api_url: {self.told["api_url"]}
    project: {self.told["project"]}
    token: {{env: FORGE_TOKEN}}
    poll_seconds: 3600
{more}""")
        self.espalier("apply", "-f", "source.yaml")

    def follow(self, more=""):
        """Declares the source, and starts its reconciler, which the forge's webhooks reach."""
        self.declare_source(more)
        self.reconciler("fleet")
        self.control("webhook", url=self.environment["HOOKS"] + "/fleet", secret=SECRET)

    def espalier(self, *words):
        done = subprocess.run([scenario.BIN / "espalier", *words], env=self.environment, cwd=self.directory,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        return done.stdout

    def open(self, number, branch, files, author="ana"):
        self.git("checkout", "-q", "main", cwd=self.directory / "checkout")
        head = self.commit(files, branch)
        self.push(branch, f"refs/heads/{branch}", HEADS[self.forge].format(number))
        diff = {name: [[1, 7]] for name in files}
        given = self.control("open", head_branch=branch, head_sha=head, base_sha=self.base, author=author,
                             title=branch, diff=diff)
        assert given["number"] == number, given
        return head

    def statuses(self, sha, context):
        return [s for s in self.control("dump")["statuses"] if (s["sha"], s["context"]) == (sha, context)]

    def comments(self, number):
        return [c["body"] for c in self.control("dump")["comments"]
                if c["number"] == number and c["author"] not in ("ana", "mallory")]

    def open_issues(self):
        return [i for i in self.control("dump")["issues"] if i["open"]]

    def eventually(self, what, condition, patience=60):
        began = time.monotonic()
        while time.monotonic() - began < patience:
            found = condition()
            if found:
                return time.monotonic() - began
            time.sleep(0.05)
        dump = json.dumps(self.control("dump"), indent=1)
        log = (self.directory / "reconciler.log").read_text()[-3000:]
        raise AssertionError(f"waited {patience} s in vain: {what}\n{dump}\n{log}\n"
                             + self.espalier("why", "git_source/fleet"))


def last(statuses):
    return f'{statuses[-1]["state"]}: {statuses[-1]["description"]}' if statuses else ""


def run(play):
    """Plays on the forge that the command line names."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="espalier-pulls-", dir="/tmp"))
    world = None
    try:
        world = PullRequestWorld(directory, sys.argv[1])
        play(world)
    finally:
        if world is not None:
            world.stop_all()
        shutil.rmtree(directory, ignore_errors=True)
