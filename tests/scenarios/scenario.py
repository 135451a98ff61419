"""Runs a scenario: a text of commands and what they print, against a real engine and simulated Macs.

    scenario.py FILE            runs it; prints the difference and ends with 1 if there is one
    scenario.py --update FILE   rewrites what is printed

README.md beside this file says how a scenario is written. Python's standard library only.
"""
import argparse
import difflib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ESPALIER_BIN", ROOT / "build/release/bin"))
PATIENCE = 60  # seconds that anything may take


def free_port():
    """A port of five digits that nobody listens on."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            if probe.getsockname()[1] >= 10000:
                return probe.getsockname()[1]


class Failed(Exception):
    """The scenario cannot go on."""


class Placeholders:
    """Puts what differs from run to run into words that do not, of the same width where tables are:
    the n-th identity, digest or made-up suffix that a scenario shows is always the same word."""

    def __init__(self, directory):
        self.fixed = [(str(directory), "$DIR")]
        self.seen = {}

    def add(self, text, word):
        self.fixed.append((text, word))

    def numbered(self, kind, value, form):
        known = self.seen.setdefault(kind, {})
        return form(known.setdefault(value, len(known) + 1))

    def digest(self, hexadecimal):
        # The same number for a digest and for its first twelve digits.
        return self.numbered("digest", hexadecimal[:12], lambda n: f"<id-{n}>".ljust(12, "."))

    def put(self, text):
        for value, word in self.fixed:
            text = text.replace(value, word)
        text = re.sub(r"sha256:([0-9a-f]{64})", lambda m: "sha256:" + self.digest(m[1]), text)
        text = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{64}\b", "<hash>", text)
        text = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{32}\b",
                      lambda m: self.numbered("uid", m[0], lambda n: f"<uid-{n}>"), text)
        text = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{12}\b", lambda m: self.digest(m[0]), text)
        # YAML quotes an identity only if it could be read as a number.
        text = re.sub(r': "(<u?id-\d+>\.*)"$', r": \1", text, flags=re.M)
        text = re.sub(r"\b(vm|runners)-([a-z][a-km-np-z2-9]{4})\b(?!-)",
                      lambda m: self.numbered("name", m[0], lambda n: f"{m[1]}-{n:x>5}"), text)
        text = re.sub(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z", "<time>", text)
        text = re.sub(r"\b\d\d:\d\dZ", "<time>", text)
        text = re.sub(r"\b(revision|sequence): \d+$", r"\1: <number>", text, flags=re.M)
        # Ports that agents choose: the lowest that are free on this machine. Those of VNC (5999 and
        # up) are one word, for which of two VMs that start at once comes first is anybody's guess.
        text = re.sub(r"\b88\d\d\b", "88##", text)
        text = re.sub(r"\b(59|60)\d\d\b", "59##", text)
        # What runs, or just ran, is gone a moment later: both words are right.
        text = re.sub(r" (is being )?deleted$", " (is being) deleted", text, flags=re.M)
        text = re.sub(r"unknown for \d+[smhd] *", lambda m: "unknown for <age>".ljust(len(m[0])), text)
        # Any other age stands last in its line.
        return re.sub(r"(?<=  )\d+[smh](\d+[smh])?$", "<age>", text, flags=re.M)


class World:
    """The processes and the directory of one scenario."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = {}
        self.placeholders = Placeholders(directory)
        self.environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(directory), "TMPDIR": str(directory),
            "LANG": "C.UTF-8", "NO_COLOR": "1",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
        self.start_engine("127.0.0.1:0", "127.0.0.1:0")

    def start(self, name, *argv, without=()):
        environment = {k: v for k, v in self.environment.items() if k not in without}
        with open(self.directory / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(a) for a in argv], stdout=log, stderr=log, cwd=self.directory, env=environment)

    def wait_for(self, name, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if self.processes[name].poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{name} did not come up:\n" + (self.directory / f"{name}.log").read_text())
            time.sleep(0.02)

    def stop(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(how)
        process.wait(timeout=15)

    def stop_all(self):
        # Agents before the engine that they speak to.
        for name in list(self.processes)[::-1]:
            self.stop(name)

    def start_engine(self, grpc, http):
        ready = self.directory / "engine.ready"
        self.start("engine", BIN / "espalierd", "--data-dir", self.directory / "engine", "--grpc",
                   grpc, "--http", http, "--ready-file", ready)
        self.wait_for("engine", lambda: ready.exists() and ready.read_text())
        told = json.loads(ready.read_text())
        self.environment["ESPALIER_ENGINE"] = told["grpc"]
        self.environment["ESPALIER_TOKEN_FILE"] = told["admin_token_file"]
        self.environment["ESPALIER_REST"] = f"http://{told['http']}/api/v1"
        self.placeholders.add(told["grpc"], "$ESPALIER_ENGINE")
        self.placeholders.add(told["http"], "$ESPALIER_HTTP")

    # What a scenario may say beside commands of the shell.

    def restart_engine(self):
        """Ends the engine and starts it again, at the same addresses with what it has stored."""
        self.stop("engine")
        self.start_engine(self.environment["ESPALIER_ENGINE"],
                          self.environment["ESPALIER_REST"].removeprefix("http://").removesuffix("/api/v1"))

    def agent(self, host, *flags):
        """Starts the agent of a simulated Mac, and waits until the engine hears it."""
        token = self.directory / f"{host}.token"
        if not token.exists():
            subprocess.run([BIN / "espalier", "token", "create", "--role", "agent", "--host", host,
                            "--out", token], env=self.environment, check=True, stdout=subprocess.DEVNULL)
        ready = self.directory / f"{host}.ready"
        ready.unlink(missing_ok=True)
        flags = list(flags)
        for flag, value in (("--cpu", "8"), ("--memory-mib", "16384"), ("--sim-boot-ms", "50"),
                            ("--sim-stop-ms", "50")):
            if flag not in flags:
                flags += [flag, value]
        self.start(host, BIN / "espalier-agent", "--engine", self.environment["ESPALIER_ENGINE"],
                   "--token-file", token, "--host", host, "--driver", "sim", "--state-dir",
                   self.directory / host, "--sim-seed", "1", "--image-headroom-gib", "0", "--sim-images",
                   "--ready-file", ready, *flags)
        self.wait_for(host, lambda: ready.exists() and ready.read_text())

        def heard():
            got = subprocess.run([BIN / "espalier", "get", f"host/{host}", "-o", "json"], env=self.environment,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            return got.returncode == 0 and json.loads(got.stdout)["status"]["liveness"]["state"] == "ready"
        self.wait_for(host, heard)

    def kill_agent(self, host):
        """kill -9, as when a Mac loses its power."""
        self.stop(host, signal.SIGKILL)

    def reconciler(self, source):
        """Starts the reconciler of a GitSource."""
        token = self.directory / f"{source}.token"
        subprocess.run([BIN / "espalier", "token", "create", "--role", "reconciler", "--source", source,
                        "--out", token], env=self.environment, check=True, stdout=subprocess.DEVNULL)
        ready = self.directory / "reconciler.ready"
        ready.unlink(missing_ok=True)
        self.start("reconciler", BIN / "espalier-reconciler", "--engine", self.environment["ESPALIER_ENGINE"],
                   "--token-file", token, "--cache-dir", self.directory / "reconciler", "--webhook",
                   "127.0.0.1:0", "--ready-file", ready)
        self.wait_for("reconciler", lambda: ready.exists() and ready.read_text())
        address = json.loads(ready.read_text())["webhook"]
        self.environment["HOOKS"] = f"http://{address}/hooks"
        self.placeholders.add(address, "hooks.test:1")

    def secret(self, name, value):
        """Sets a variable for what is started from now on."""
        self.environment[name] = value

    def git_server(self, user, password):
        """Serves the bare repositories below $HOME over http, at $GIT_SERVER."""
        ready = self.directory / "git-server.ready"
        self.start("git-server", sys.executable, pathlib.Path(__file__).with_name("git_server.py"),
                   self.directory, user, password, ready)
        self.wait_for("git-server", lambda: ready.exists() and ready.read_text())
        self.environment["GIT_SERVER"] = f"http://{ready.read_text()}"
        self.placeholders.add(ready.read_text(), "git.test:1")

    def registry(self):
        """Starts a registry at $REGISTRY, with macos/sonoma:14 and linux/debian:12 in it."""
        address = f"127.0.0.1:{free_port()}"
        self.environment["REGISTRY"] = address
        self.placeholders.add(address, "registry.test:1")
        self.placeholders.add(re.sub(r"[.:]", "-", address), "registry-test-1")
        configuration = self.directory / "registry.yml"
        configuration.write_text(
            f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {self.directory}/registry}}}}\n"
            f"http: {{addr: '{address}'}}\n")
        self.start("registry", "docker-registry", "serve", configuration)

        def listening():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", int(address.split(":")[1]))) == 0
        self.wait_for("registry", listening)
        for name, guest in (("macos/sonoma:14", ("darwin", "arm64")), ("linux/debian:12", ("linux", "arm64"))):
            disk = self.directory / "disk.img"
            disk.write_bytes(name.encode() * 50000)
            subprocess.run([BIN / "espalier", "image", "push", disk, f"{address}/{name}", "--os", guest[0],
                            "--arch", guest[1]], env=self.environment, check=True,
                           stdout=subprocess.DEVNULL)

    def until(self, pattern, command):
        """Runs a command until what it prints matches."""
        deadline = time.monotonic() + PATIENCE
        while True:
            text, code = self.shell(command)
            if re.search(pattern, text, re.M):
                return text, code
            if time.monotonic() > deadline:
                raise Failed(f"waited {PATIENCE} s in vain for {pattern!r}; at the end:\n{text}")
            time.sleep(0.1)

    def shell(self, command):
        done = subprocess.run(["bash", "-c", command], env=self.environment, cwd=self.directory,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="backslashreplace", stdin=subprocess.DEVNULL, timeout=PATIENCE)
        return self.placeholders.put(done.stdout), done.returncode

    def run(self, command):
        """What a command of the scenario prints, with its exit code if that is not 0."""
        own = {"agent": self.agent, "kill-agent": self.kill_agent, "git-server": self.git_server,
               "reconciler": self.reconciler, "registry": self.registry, "secret": self.secret,
               "stop": self.stop, "restart-engine": self.restart_engine}
        first, *words = shlex.split(command, comments=False) if "<<" not in command else [""]
        if first in own:
            own[first](*words)
            return ""
        waiting = re.match(r"until '([^']*)' (.*)", command, re.S)
        text, code = self.until(*waiting.groups()) if waiting else self.shell(command)
        text = text.rstrip("\n")
        return (text + "\n" if text else "") + (f"[exit {code}]\n" if code else "")


def steps(text):
    """The scenario as pairs of prose and the command below it; the last may be prose only."""
    prose, command, in_output = "", "", False
    blank = ""  # belongs to what comes after it
    for line in text.splitlines(keepends=True):
        if line.startswith(("$ ", "# ")):
            if command:
                yield prose, command
                prose, command = "", ""
            prose += blank
            in_output = False
            if line.startswith("$ "):
                command = line[2:]
            else:
                prose += line
        elif command and not in_output and line.startswith("> "):
            command += line[2:]
        elif not line.strip():
            blank += line
            continue
        else:
            in_output = True
        blank = ""
    yield prose, command


def shown(command):
    lines = command.splitlines()
    return "".join([f"$ {lines[0]}\n"] + [f"> {line}\n" for line in lines[1:]])


def play(path):
    """The scenario as it went."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="espalier-scenario-", dir="/tmp"))
    world = None
    out = []
    try:
        world = World(directory)
        for prose, command in steps(path.read_text()):
            out.append(prose)
            if not command:
                continue
            out.append(shown(command))
            try:
                out.append(world.run(command.rstrip("\n")))
            except (Failed, subprocess.SubprocessError) as error:
                out.append(f"FAILED: {error}\n")
                break
        return "".join(out)
    finally:
        if world is not None:
            world.stop_all()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--update", action="store_true", help="rewrite what is printed")
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    update = arguments.update or os.environ.get("ESPALIER_UPDATE_GOLDEN") == "1"
    failed = False
    for path in arguments.files:
        got, wanted = play(path), path.read_text()
        if "\nFAILED: " in got or (got != wanted and not update):
            failed = True
            sys.stdout.writelines(difflib.unified_diff(
                wanted.splitlines(keepends=True), got.splitlines(keepends=True), str(path), "now"))
        elif got != wanted:
            path.write_text(got)
            print(f"{path}: rewritten")
    if failed:
        return 1
    return 77 if update and not arguments.update else 0


if __name__ == "__main__":
    sys.exit(main())
