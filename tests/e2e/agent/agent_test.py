"""The agent as a program, against a real engine, a real registry and real qemu machines: an image is
pushed, pulled, verified and booted; VMs survive a kill -9 of the agent and are adopted; cut off beyond
the run lease they end. Run by ctest; ESPALIER_BIN is where the programs are."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("ESPALIER_BIN", ROOT / "build/release/bin"))
PATIENCE = 90


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition):
    """Waits for a condition on state; what it answers when it is true."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"waited in vain for {what}")


class Programs:
    """Starts programs with logs in one directory, and ends those that it started."""

    def __init__(self, directory):
        self.directory = directory
        self.running = {}

    def start(self, name, *argv):
        environment = dict(os.environ, TMPDIR=str(self.directory))
        with open(self.directory / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen([str(a) for a in argv], stdout=log, stderr=log,
                                                  env=environment)

    def end(self, name, how=signal.SIGTERM):
        process = self.running.pop(name)
        process.send_signal(how)
        return process.wait(timeout=10)

    def end_all(self):
        for name in list(self.running)[::-1]:
            self.end(name)


class AgentTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="espalier-agent-"))
        cls.programs = Programs(cls.dir)
        cls.addClassCleanup(cls.clean_up)
        cls.registry = f"127.0.0.1:{free_port()}"
        (cls.dir / "registry.yml").write_text(
            "version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: '%s'}\n"
            % (cls.dir / "registry", cls.registry))
        cls.programs.start("registry", "docker-registry", "serve", cls.dir / "registry.yml")
        cls.start_engine()
        guest = cls.dir / "guest"
        subprocess.run([ROOT / "examples/quickstart/make-guest", guest, "the e2e test"], check=True)
        wait_for("registry", lambda: cls.fetch(f"http://{cls.registry}/v2/") is not None)
        cls.image = f"{cls.registry}/linux/small:1"
        arch = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        cls.espalier("image", "push", guest / "disk.img", cls.image, "--os", "linux", "--arch", arch,
                     "--kernel", guest / "vmlinuz", "--initrd", guest / "initrd",
                     "--cmdline", (guest / "cmdline").read_text())
        cls.start_agent("linux-01", "qemu")

    @classmethod
    def start_engine(cls):
        ready = cls.dir / "engine.json"
        ready.unlink(missing_ok=True)
        grpc = getattr(cls, "grpc", "127.0.0.1:0")
        cls.programs.start("engine", BIN / "espalierd", "--data-dir", cls.dir / "engine", "--grpc",
                           grpc, "--http", "127.0.0.1:0", "--ready-file", ready)
        wait_for("engine", ready.exists)
        answer = json.loads(ready.read_text())
        cls.grpc, cls.http = answer["grpc"], answer["http"]
        token = pathlib.Path(answer["admin_token_file"])
        cls.token_file = token if token.is_absolute() else cls.dir / token
        cls.token = cls.token_file.read_text().strip()

    @classmethod
    def start_agent(cls, host, driver, *more):
        token = cls.dir / f"{host}.token"
        if not token.exists():
            cls.espalier("token", "create", "--role", "agent", "--host", host, "--out", token)
        ready = cls.dir / f"{host}.json"
        ready.unlink(missing_ok=True)
        cls.programs.start(host, BIN / "espalier-agent", "--engine", cls.grpc, "--token-file", token,
                           "--host", host, "--driver", driver, "--state-dir", cls.dir / host,
                           "--memory-mib", "4096", "--cpu", "8", "--image-headroom-gib", "0",
                           "--ready-file", ready, *more)
        wait_for(f"agent of {host}", ready.exists)

    @classmethod
    def clean_up(cls):
        for name in list(cls.programs.running):
            if name.startswith(("linux-", "mac-")):
                cls.programs.end(name)
        subprocess.run([BIN / "espalier-agent", "stop-vms", "--driver", "qemu", "--state-dir",
                        cls.dir / "linux-01"], check=False)
        cls.programs.end_all()
        shutil.rmtree(cls.dir)

    @classmethod
    def espalier(cls, *args):
        done = subprocess.run([BIN / "espalier", "--engine", cls.grpc, "--token-file",
                               cls.token_file, *[str(a) for a in args]],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"espalier {args}: {done.stdout}{done.stderr}")
        return done.stdout

    @classmethod
    def fetch(cls, url, method="GET", body=None, authorized=False):
        request = urllib.request.Request(url, method=method, data=body)
        if authorized:
            request.add_header("Authorization", f"Bearer {cls.token}")
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.read().decode()
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError) and method != "GET":
                raise AssertionError(error.read().decode()) from error
            return None

    def rest(self, path, method="GET", body=None):
        text = self.fetch(f"http://{self.http}/api/v1/{path}", method,
                          json.dumps(body).encode() if body else None, authorized=True)
        return json.loads(text) if text else None

    def create(self, name, **spec):
        self.rest("namespaces/ci/vms", "POST", {
            "apiVersion": "espalier/v1", "kind": "Vm", "metadata": {"name": name, "namespace": "ci"},
            "spec": {"image": self.image, "cpu": 1, "memory_mib": 128,
                     "ports": {"http": {"guest": 80}}, **spec}})

    def status(self, name):
        vm = self.rest(f"namespaces/ci/vms/{name}")
        return (vm or {}).get("status", {})

    def phase(self, name):
        return self.status(name).get("observed", {}).get("phase")

    def running(self, name):
        wait_for(f"{name} running", lambda: self.phase(name) == "running")
        return self.status(name)["observed"]

    def page(self, observed, path=""):
        return self.fetch(f"http://{observed['ip']}:{observed['ports']['http']}/{path}")

    def delete(self, name):
        self.rest(f"namespaces/ci/vms/{name}", "DELETE")
        wait_for(f"{name} gone", lambda: self.rest(f"namespaces/ci/vms/{name}") is None)

    def test_boots_from_a_pulled_image_and_goes_again(self):
        self.create("web", guest_metadata={"job": "7"})
        observed = self.running("web")
        text = wait_for("the guest's page", lambda: self.page(observed))
        self.assertIn("hello from the e2e test", text)
        self.assertEqual(json.loads(self.page(observed, "metadata.json")), {"job": "7"})
        self.delete("web")
        wait_for("its bundle to go", lambda: not list((self.dir / "linux-01/vms").iterdir()))

    def test_power_off_keeps_the_disk_and_power_on_goes_on_with_it(self):
        self.create("desk")
        observed = self.running("desk")
        wait_for("the guest's page", lambda: self.page(observed))
        bundles = self.dir / "linux-01/vms"
        disk = (bundles / f"{observed['uid']}.1/disk.img").stat().st_ino

        def power(word):
            self.rest("namespaces/ci/vms/desk", "PATCH", {"spec": {"power": word}})

        power("off")
        wait_for("it to be off", lambda: self.status("desk")["placement"]["phase"] == "stopped")
        self.assertIsNone(self.page(observed))
        self.assertEqual(self.status("desk")["placement"]["disk_host"], "linux-01")
        # Neither a new agent nor a while takes the disk away.
        self.programs.end("linux-01", signal.SIGKILL)
        self.start_agent("linux-01", "qemu")
        power("on")
        again = wait_for("its next run", lambda: self.status("desk")["observed"]["attempt"] == 2 and
                         self.running("desk"))
        wait_for("the guest's page", lambda: self.page(again))
        self.assertEqual((bundles / f"{again['uid']}.2/disk.img").stat().st_ino, disk)
        wait_for("the old bundle to go", lambda: not (bundles / f"{again['uid']}.1").exists())
        self.delete("desk")

    def test_vms_survive_a_killed_agent_and_are_adopted(self):
        self.create("kept")
        before = self.running("kept")
        wait_for("the guest's page", lambda: self.page(before))
        self.programs.end("linux-01", signal.SIGKILL)
        self.assertIn("hello", self.page(before))
        self.start_agent("linux-01", "qemu")
        # Longer than the run lease: only renewals of the new agent keep it.
        end = time.monotonic() + 35
        while time.monotonic() < end:
            self.assertIsNotNone(self.page(before))
            time.sleep(1)
        after = self.status("kept")["observed"]
        self.assertEqual((after["uid"], after["attempt"]), (before["uid"], before["attempt"]))
        self.delete("kept")

    def test_a_vm_that_is_cut_off_is_ended_by_its_runner(self):
        self.create("fenced", restart="never")
        observed = self.running("fenced")
        wait_for("the guest's page", lambda: self.page(observed))
        # Nobody is left who could end it but its runner.
        self.programs.end("linux-01", signal.SIGKILL)
        wait_for("its end", lambda: self.page(observed) is None)
        self.start_agent("linux-01", "qemu")
        wait_for("the report", lambda: self.phase("fenced") == "fenced")
        self.delete("fenced")

    def test_another_hand_on_a_simulated_mac(self):
        self.start_agent("mac-01", "sim", "--sim-images")
        hand = [BIN / "espalier-agent", "sim", "--state-dir", self.dir / "mac-01"]
        subprocess.run([*hand, "add-vm", "by-hand"], check=True)
        subprocess.run([*hand, "add-image", "sonoma-old"], check=True)

        def found():
            seen = self.rest("hosts/mac-01")["status"]["observed"]
            return "by-hand" in seen.get("found_vms", {}) and "sonoma-old" in seen.get(
                "found_images", {})
        wait_for("what was found", found)
        wrong = subprocess.run([*hand, "kill-vm", "nobody"], capture_output=True, text=True)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn('no VM "nobody" runs here', wrong.stderr)


if __name__ == "__main__":
    unittest.main()
