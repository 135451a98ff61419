"""A reconciler that is told to end does not wait for a forge that takes a call and never answers."""
import pathlib
import signal
import socket
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
for folder in ("tests/e2e/provider", "tests/e2e/gitops"):
    sys.path.insert(0, str(ROOT / folder))
from fleet import Fleet  # noqa: E402
from followed import Followed  # noqa: E402

# A call may take 30 seconds.
SOON = 10


class EndsTest(unittest.TestCase):
    def test_a_silent_forge_is_not_waited_for(self):
        with socket.create_server(("127.0.0.1", 0)) as silent, Fleet(hosts=0) as fleet, \
                Followed(fleet, poll_seconds=1) as followed:
            (followed.secrets / "token").write_text("canary")
            followed.declare_source(forge={
                "type": "github", "api_url": f"http://127.0.0.1:{silent.getsockname()[1]}",
                "project": "acme/fleet", "token": {"file": "token"}})
            followed.wait_until_applied(followed.head())
            silent.settimeout(60)
            call, _ = silent.accept()
            with call:
                process = fleet.processes["espalier-reconciler"]
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(60), 0)
                self.assertLess(time.monotonic() - began, SOON)


if __name__ == "__main__":
    unittest.main()
