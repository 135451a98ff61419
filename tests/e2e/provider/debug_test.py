"""The provider as a person starts it. That Terraform attaches to it is point 14 of tests/conformance."""
import json
import os
import re
import stat
import subprocess
import tempfile
import unittest

from plugin import PROVIDER, Started, environment


def by_hand(*args, **env):
    """The environment of a shell: no cookie, no certificate."""
    return subprocess.run([PROVIDER, *args], env=environment(TF_PLUGIN_MAGIC_COOKIE=None, **env),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)


class Debugged(Started):
    """A provider under --debug."""

    def __init__(self, **env):
        super().__init__("--debug", TF_PLUGIN_MAGIC_COOKIE=None, **env)
        match = re.fullmatch(r"export TF_REATTACH_PROVIDERS='(.*)'\n", self.line)
        if not match:
            self.__exit__()
            raise AssertionError(f"no line to attach with: {self.line!r}")
        self.variable = match[1]
        (self.told,) = json.loads(self.variable).values()


class DebugTest(unittest.TestCase):
    def test_says_what_it_is_and_what_it_takes(self):
        version = by_hand("--version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"\Aterraform-provider-espalier \d+\.\d+\.\d+\n\Z")
        usage = by_hand("--help")
        self.assertEqual(usage.returncode, 0)
        for flag in ("--debug", "--schema-json", "--version"):
            self.assertIn(flag, usage.stdout)
        wrong = by_hand("--what")
        self.assertEqual((wrong.returncode, wrong.stdout), (2, ""))
        self.assertIn('"--what"', wrong.stderr)
        bare = by_hand()
        self.assertEqual((bare.returncode, bare.stdout), (1, ""))
        self.assertIn("provider for Terraform", bare.stderr)

    def test_schema_json_is_the_same_each_time(self):
        first = by_hand("--schema-json")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual(first.stdout, by_hand("--schema-json").stdout)

    def test_the_socket_is_the_users_alone(self):
        with Debugged() as provider:
            self.assertEqual(provider.told["Addr"]["Network"], "unix")
            path = provider.told["Addr"]["String"]
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode) & 0o077, 0)

    def test_does_not_listen_where_it_cannot_be_the_users_alone(self):
        with tempfile.TemporaryDirectory() as base:
            long = os.path.join(base, "d" * 200)
            os.mkdir(long)
            # /tmp is short enough: a long TMPDIR is passed over, never answered with a TCP port.
            with Debugged(PLUGIN_UNIX_SOCKET_DIR=long) as provider:
                self.assertEqual(provider.told["Addr"]["Network"], "unix")


if __name__ == "__main__":
    unittest.main()
