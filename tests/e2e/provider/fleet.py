"""An engine with simulated Macs, as real processes on loopback."""
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from plugin import BIN
from registry import Registry


def wait_for(condition, what, seconds=60):
    """Polls until the condition is true; its value. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


class Fleet:
    """Use as a context manager: everything that was started is ended, by its own handle."""

    def __init__(self, hosts=2, system="darwin", directory=None, engine_args=()):
        """`system`: of the guests; a Mac takes two of macOS and any number of Linux. `directory`: where its own
        is made."""
        self.directory = tempfile.mkdtemp(prefix="espalier-fleet-", dir=directory)
        self.processes = {}
        self.registry = Registry(system)
        self.image = f"{self.registry.address}/macos/sonoma:14.6"
        try:
            ready = self._start("espalierd", ["--data-dir", self._path("engine"), "--grpc",
                                              "127.0.0.1:0", "--http", "127.0.0.1:0", *engine_args])
            self.engine, self.http = ready["grpc"], ready["http"]
            self.token_file = ready["admin_token_file"]
            with open(self.token_file) as token:
                self.token = token.read().strip()
            for number in range(1, hosts + 1):
                self.add_host(f"mac-{number:02}")
        except BaseException:
            self.__exit__()
            raise

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _start(self, name, args, program=None):
        ready = self._path(name + ".ready")
        # Of one that was here before: it knew another port.
        if os.path.exists(ready):
            os.unlink(ready)
        log = open(self._path(name + ".log"), "ab")
        command = [os.path.join(BIN, program or name), *args, "--ready-file", ready]
        self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log)
        log.close()

        def is_ready():
            if self.processes[name].poll() is not None:
                raise AssertionError(f"{name} ended: {self.log(name)}")
            if not os.path.exists(ready):
                return None
            with open(ready) as file:
                text = file.read()
            return (json.loads(text) if text.strip() else {"ready": True})

        return wait_for(is_ready, f"{name} to be ready")

    def log(self, name):
        with open(self._path(name + ".log")) as log:
            return log.read()

    def add_host(self, name):
        # Ports of their own: simulated machines listen nowhere, and hundreds take most that there are.
        self._start(name, ["--engine", self.engine, "--token-file", self.token_file, "--host", name,
                           "--driver", "sim", "--state-dir", self._path(name + ".state"),
                           "--ports-dir", self._path("ports"),
                           "--sim-images", "--sim-boot-ms", "200", "--sim-stop-ms", "100"],
                    program="espalier-agent")

    def start_faulty(self):
        """Another address of the engine, where calls fail as `fail` says."""
        self.fail()
        return self._start("faulty_engine", [self.engine, self._path("faults")])["grpc"]

    def fail(self, *methods, code=0, text="", retry_after_ms=0):
        """From now on calls of these methods (Get, List, Watch, Apply, Delete, and Preview for dry runs) are answered
        with this status of gRPC, by its number; all others go on to the engine."""
        faults = self._path("faults")
        with open(faults + ".part", "w") as file:
            file.writelines(f"{method} {code} {retry_after_ms} {text}\n" for method in methods)
        os.replace(faults + ".part", faults)

    def end(self, name):
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill_engine(self):
        """Ends the engine without a word."""
        process = self.processes.pop("espalierd")
        process.kill()
        process.wait()
        os.unlink(self._path("espalierd.ready"))

    def restart_engine(self):
        """The engine, killed if it runs, serves again at the same addresses."""
        if "espalierd" in self.processes:
            self.kill_engine()
        self._start("espalierd", ["--data-dir", self._path("engine"), "--grpc", self.engine, "--http",
                                  self.http])

    def request(self, method, path, body=None):
        """A call of the engine's REST interface, as somebody other than Terraform; its answer, or None
        for 404."""
        request = urllib.request.Request(
            f"http://{self.http}/api/v1/{path}", method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": "Bearer " + self.token, "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return json.loads(text) if text.strip() else {}
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            if error.code == 404:
                return None
            raise AssertionError(f"{method} {path}: {error.code} {text}") from error

    def espalier(self, *args):
        """Runs the command line as the administrator; its output."""
        return subprocess.run([os.path.join(BIN, "espalier"), "--engine", self.engine, "--token-file",
                               self.token_file, *args], check=True, capture_output=True, text=True).stdout

    def make_token(self, role, *args):
        """A new token of this role."""
        path = self._path("token")
        self.espalier("token", "create", "--role", role, "--out", path, *args)
        with open(path) as token:
            made = token.read().strip()
        os.unlink(path)
        return made

    def vm(self, name, namespace="default"):
        """The VM as the engine has it; None if it is not there."""
        return self.request("GET", f"namespaces/{namespace}/vms/{name}")

    def put_vm(self, name, spec, query=""):
        return self.request("PUT", f"namespaces/default/vms/{name}{query}", {
            "apiVersion": "espalier/v1", "kind": "Vm",
            "metadata": {"name": name, "namespace": "default"}, "spec": spec})

    def delete_vm(self, name, query=""):
        self.request("DELETE", f"namespaces/default/vms/{name}{query}")
        wait_for(lambda: self.vm(name) is None, f"VM {name} to go")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in reversed(list(self.processes)):
            self.end(name)
        self.registry.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
