"""F1 and F5: secrets are planted wherever the reconciler is given one, everything is made to go wrong
that can, and then they are looked for in whatever has been left behind; and in metrics, the names that
people gave."""
import pathlib
import subprocess
import sys
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
for folder in ("tests/e2e/provider", "tests/e2e/gitops"):
    sys.path.insert(0, str(ROOT / folder))
from fleet import Fleet, wait_for  # noqa: E402
from followed import WEBHOOK_SECRET, Followed  # noqa: E402

PASSWORD = "canary-of-the-repository"
USER = "canary-bird"  # no secret: it is said where it helps
GUESS = "canary-of-a-stranger"


class GitServer:
    """Serves the repositories of a folder over http to whoever has the password."""

    def __init__(self, folder):
        self.ready = pathlib.Path(folder, "git-server.ready")
        self.process = subprocess.Popen([sys.executable, ROOT / "tests/scenarios/git_server.py", folder,
                                         USER, PASSWORD, self.ready],
                                        stderr=subprocess.DEVNULL)
        address = wait_for(self.address, "the git server")
        self.url = f"http://{address}"

    def address(self):
        return self.ready.read_text().strip() if self.ready.exists() else None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait(10)


class CanaryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(hosts=0))
        cls.followed = cls.enterClassContext(Followed(cls.fleet, poll_seconds=1))
        cls.server = cls.enterClassContext(GitServer(cls.followed.path))
        (cls.followed.secrets / "password").write_text(PASSWORD)
        cls.seen_arguments = set()
        cls.declared = cls.go_wrong()

    @classmethod
    def condition(cls, name):
        status = cls.followed.source().get("status") or {}
        return status.get("conditions", {}).get(name, {})

    @classmethod
    def wait_for_fetch(cls, reason):
        def is_so():
            cls.look_at_arguments()
            return cls.condition("Fetched").get("reason") == reason
        wait_for(is_so, f"Fetched to be {reason}: {cls.followed.source()}")

    @classmethod
    def look_at_arguments(cls):
        """What `ps` and a look at the environment of each process tell, while fetches run."""
        for process in pathlib.Path("/proc").iterdir():
            if not process.name.isdigit():
                continue
            try:
                parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
                if int(parent) == cls.followed.pid or int(process.name) == cls.followed.pid:
                    cls.seen_arguments.add((process / "cmdline").read_bytes() +
                                           (process / "environ").read_bytes())
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass

    @classmethod
    def saw_a_fetch(cls):
        """Each takes some hundredths of a second, and one look at all processes takes one."""
        cls.followed.hook()
        for _ in range(100):
            cls.look_at_arguments()
            if any(b"fetch-child" in arguments for arguments in cls.seen_arguments):
                return True
        return False

    @classmethod
    def go_wrong(cls):
        followed = cls.followed
        spec = {"repository": f"{cls.server.url}/fleet.git", "username": USER,
                "password": {"file": "password"}}
        followed.declare_source(**spec)
        followed.wait_until_applied(followed.head())
        # A stranger, and the forge.
        assert followed.hook(secret=GUESS) == 401
        assert followed.hook() == 202
        # A password that is refused, and one that is not there.
        (followed.secrets / "password").write_text(GUESS)
        cls.wait_for_fetch("AuthenticationFailed")
        (followed.secrets / "password").unlink()
        wait_for(lambda: cls.condition("Fetched").get("state") == "false" and
                 cls.condition("Fetched").get("reason") != "AuthenticationFailed", "no password")
        (followed.secrets / "password").write_text(PASSWORD)
        cls.wait_for_fetch("Fetched")
        wait_for(cls.saw_a_fetch, "a fetch to be seen while it runs", 120)
        # A commit that is refused.
        (followed.checkout / "fleet/bad.yaml").write_text("a: b: c\n")
        followed.commit()
        wait_for(lambda: cls.condition("Valid").get("state") == "false", "a refused commit")
        return spec

    def texts(self):
        """Whatever has been left behind, by name."""
        for name in self.fleet.processes:
            yield f"log of {name}", self.fleet.log(name).encode()
        for root in (self.followed.cache, self.fleet.directory):
            for path in sorted(pathlib.Path(root).rglob("*")):
                # The admin's token is where it belongs; it is no canary.
                if path.is_file():
                    yield str(path), path.read_bytes()
        for path in ("git_sources", "vms"):
            yield path, repr(self.fleet.request("GET", path)).encode()
        yield "metrics", self.metrics()
        yield "metrics of the reconciler", self.metrics_of_reconciler()
        for arguments in self.seen_arguments:
            yield "arguments and environment", arguments

    def metrics(self):
        request = urllib.request.Request(f"http://{self.fleet.http}/metrics",
                                         headers={"Authorization": "Bearer " + self.fleet.token})
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def metrics_of_reconciler(self):
        with urllib.request.urlopen(self.followed.hooks.replace("/hooks", "/metrics")) as answer:
            return answer.read()

    @staticmethod
    def labels(lines):
        """Each label with the values that it has."""
        found = {}
        for line in lines:
            if "{" in line and not line.startswith("#"):
                for label in line[line.index("{") + 1:line.rindex("}")].split(","):
                    name, value = label.split("=")
                    found.setdefault(name, set()).add(value.strip('"'))
        return found

    def test_f1_no_secret_is_left_behind(self):
        looked_at = 0
        for name, text in self.texts():
            looked_at += 1
            for canary in (PASSWORD, GUESS, WEBHOOK_SECRET):
                self.assertNotIn(canary.encode(), text, f"{canary} is in {name}")
        self.assertGreater(looked_at, 10)
        # The look would have found it.
        self.assertTrue(any(b"fetch-child" in arguments for arguments in self.seen_arguments))
        self.assertIn(b"fleet.git", b"".join(text for _, text in self.texts()))

    def test_f5_metrics_name_nothing_that_people_name(self):
        self.fleet.request("GET", "vms/no-such-vm")
        lines = self.metrics().decode().splitlines()
        labels = self.labels(lines)
        self.assertTrue(labels)
        self.assertLessEqual(set(labels), {"interface", "method", "code", "kind", "le"})
        text = "\n".join(lines)
        for name in (self.followed.head(), "vm-0-0", "team-0", "no-such-vm", "fleet"):
            self.assertNotIn(name, text)

    def test_f5_metrics_of_the_reconciler_name_sources_and_nothing_else(self):
        self.followed.hook(source="no-such-source")
        lines = self.metrics_of_reconciler().decode().splitlines()
        labels = self.labels(lines)
        self.assertEqual(labels.pop("source"), {"fleet"})
        self.assertLessEqual(set(labels), {"result", "verb", "manager", "reason", "class", "forge",
                                           "code", "le"})
        labels.pop("le")
        for values in labels.values():
            for value in values:
                self.assertRegex(value, r"^[a-z_0-9]+$")
        text = "\n".join(lines)
        for name in (self.followed.head(), "vm-0-0", "team-0", "bad.yaml", "no-such-source", USER):
            self.assertNotIn(name, text)
        # Something was counted: a fetch, an apply, a commit that nobody can read, a password refused.
        for began in ('espalier_git_fetch_seconds_count{result="ok"',
                      'espalier_git_fetch_seconds_count{result="failed"',
                      "espalier_git_apply_seconds_count", "espalier_git_mirror_packs"):
            counted = [line for line in lines if line.startswith(began)]
            self.assertTrue(any(float(line.split()[-1]) > 0 for line in counted), began)

    def test_each_metric_is_documented(self):
        page = (ROOT / "docs/metrics.md").read_text()
        names = [line.split()[2] for text in (self.metrics(), self.metrics_of_reconciler())
                 for line in text.decode().splitlines() if line.startswith("# TYPE ")]
        self.assertGreater(len(names), 15)
        for name in names:
            self.assertIn(f"`{name}", page)


if __name__ == "__main__":
    unittest.main()
