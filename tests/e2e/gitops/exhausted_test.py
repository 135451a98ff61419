"""F4: a reconciler that gets no descriptors, no place to write or no child any more says so, loses nothing and
goes on when there are some again."""
import os
import pathlib
import resource
import signal
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
for folder in ("tests/e2e/provider", "tests/e2e/gitops"):
    sys.path.insert(0, str(ROOT / folder))
from fleet import Fleet, wait_for  # noqa: E402
from followed import Followed  # noqa: E402


class ExhaustedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(hosts=0))
        cls.followed = cls.enterClassContext(Followed(cls.fleet, poll_seconds=1))
        cls.followed.declare_source()
        cls.followed.wait_until_applied(cls.followed.head())

    def fetched(self):
        return self.followed.source()["status"]["conditions"]["Fetched"]

    def wait_for_failure(self):
        wait_for(lambda: self.fetched()["state"] == "false", f"a failed fetch: {self.fetched()}")

    def recovers(self):
        commit = self.followed.push(0)
        self.followed.hook()
        self.followed.wait_until_applied(commit)
        self.assertEqual(self.fetched()["state"], "true")

    def test_f4_no_descriptors(self):
        soft, hard = resource.prlimit(self.followed.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.followed.pid, resource.RLIMIT_NOFILE,
                         (self.followed.descriptors(), hard))
        try:
            self.wait_for_failure()
        finally:
            resource.prlimit(self.followed.pid, resource.RLIMIT_NOFILE, (soft, hard))
        self.recovers()

    def test_f4_no_place_to_write(self):
        # Permissions do not stop root; a file where a directory belongs stops everybody.
        mirror = self.followed.cache / self.followed.name / "mirror"
        aside = mirror.with_name("aside")
        mirror.rename(aside)
        mirror.write_text("")
        try:
            self.wait_for_failure()
        finally:
            mirror.unlink()
            aside.rename(mirror)
        self.recovers()

    def test_f4_a_child_that_is_killed(self):
        def kill_children():
            for process in pathlib.Path("/proc").iterdir():
                try:
                    if process.name.isdigit() and int((process / "stat").read_text().rsplit(
                            ")", 1)[1].split()[1]) == self.followed.pid:
                        os.kill(int(process.name), signal.SIGKILL)
                except (FileNotFoundError, ProcessLookupError):
                    pass
            return self.fetched()["state"] == "false"
        wait_for(kill_children, "a child that was killed in time")
        self.recovers()


if __name__ == "__main__":
    unittest.main()
