"""F4: a reconciler that gets no descriptors, no place to write, no room on its disk or no child any more says so,
loses nothing and goes on when there are some again."""
import contextlib
import errno
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
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


@contextlib.contextmanager
def small_disk(mebibytes):
    """A file system of its own; None where this system does not let us mount one."""
    with tempfile.TemporaryDirectory(prefix="espalier-disk-") as directory:
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "espalier", directory],
                               capture_output=True, check=False)
        if mount.returncode != 0:
            yield None
            return
        try:
            yield pathlib.Path(directory)
        finally:
            subprocess.run(["umount", "--lazy", directory], check=True)


def fill(disk):
    """To the last byte, also what a file that is replaced gives back meanwhile."""
    with open(disk / "filler", "ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC, error


class FullDiskTest(unittest.TestCase):
    """The cache lies on a disk of 16 MiB, which somebody else fills."""

    @classmethod
    def setUpClass(cls):
        cls.disk = cls.enterClassContext(small_disk(16))
        if cls.disk is None:
            raise unittest.SkipTest("only root may mount a small disk")
        cls.fleet = cls.enterClassContext(Fleet(hosts=0))
        cls.followed = Followed(cls.fleet, poll_seconds=1)
        cls.followed.cache = cls.disk / "cache"
        cls.enterClassContext(cls.followed)
        cls.followed.declare_source()
        cls.followed.wait_until_applied(cls.followed.head())

    def condition(self):
        return self.followed.source()["status"]["conditions"]["Fetched"]

    def test_f4_a_full_disk(self):
        before = self.followed.source()["status"]["applied_commit"]
        fill(self.disk)
        commit = self.followed.push(0)
        self.followed.hook()

        def says_so():
            fill(self.disk)
            fetched = self.condition()
            return fetched["state"] == "false" and "space" in fetched["message"]
        wait_for(says_so, f"a fetch that found no room: {self.condition()}")
        # Said in words, and what was applied stays.
        self.assertEqual(self.followed.source()["status"]["applied_commit"], before)
        # It starts on the full disk as well, and hears who speaks to it.
        self.fleet.end("espalier-reconciler")
        self.followed.start()
        self.assertEqual(self.followed.hook(), 202)
        said = self.fleet.log("espalier-reconciler").count("No space left")
        wait_for(lambda: self.fleet.log("espalier-reconciler").count("No space left") > said,
                 "a fetch that found no room after a restart")
        (self.disk / "filler").unlink()
        self.followed.hook()
        self.followed.wait_until_applied(commit)
        self.assertEqual(self.condition()["state"], "true")
        # Nothing half written is left: all that is read at a start is whole.
        self.fleet.end("espalier-reconciler")
        self.followed.start()
        self.followed.wait_until_applied(self.followed.push(0))
        unreadable = [path for path in self.disk.rglob("*") if path.name.endswith(".unreadable")]
        self.assertEqual(unreadable, [])


class FullEngineDiskTest(unittest.TestCase):
    def test_f4_a_full_disk_under_the_engine(self):
        disk = self.enterContext(small_disk(16))
        if disk is None:
            self.skipTest("only root may mount a small disk")
        fleet = self.enterContext(Fleet(hosts=0, directory=disk))

        def put(name):
            return fleet.request("PUT", f"images/{name}", {
                "apiVersion": "espalier/v1", "kind": "Image", "metadata": {"name": name},
                "spec": {"reference": f"registry.example/{name}:{'1' * 100}"}})

        put("before")
        stored = []
        with self.assertRaisesRegex(AssertionError, "PUT images/.*: 503") as refused:
            for number in range(1000):
                fill(disk)
                put(f"during-{number}")
                stored.append(f"during-{number}")
        # What was answered is there, what was refused is not, and reading goes on.
        lost = str(refused.exception).split(":")[0].rsplit("/", 1)[1]
        self.assertIsNotNone(fleet.request("GET", "images/before"))
        self.assertIsNone(fleet.request("GET", f"images/{lost}"))
        (disk / "filler").unlink()
        fleet.restart_engine()
        for name in ["before", *stored]:
            self.assertIsNotNone(fleet.request("GET", f"images/{name}"), name)
        self.assertIsNone(fleet.request("GET", f"images/{lost}"))
        put("after")


if __name__ == "__main__":
    unittest.main()
