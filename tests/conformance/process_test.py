"""The provider as a process: handshake, mutual TLS, socket, log, end."""
import base64
import json
import os
import signal
import socket
import ssl
import stat
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

from cases import LONG, CliCase, CoreCase
import clis
from debug_test import Debugged
from fleet import Fleet, wait_for
from plugin import PROVIDER, Plugin, environment, make_certificate
from terraform import Terraform


def exchange(address, context):
    """Speaks TLS and the beginning of HTTP/2; what the server answers. Raises what TLS raises."""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(address)
        with context.wrap_socket(raw, server_hostname="localhost") as secured:
            secured.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
            answer = secured.recv(9)
            if not answer:
                raise ssl.SSLError("closed")
            return answer


class ProcessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.key, cls.certificate = make_certificate(cls.directory)
        with open(cls.certificate) as pem:
            cls.pem = pem.read()

    def client(self, plugin, key=None, certificate=None):
        """A TLS client that trusts exactly the certificate of the handshake line."""
        encoded = plugin.fields[5]
        der = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        context = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(der))
        context.set_alpn_protocols(["h2"])
        if certificate:
            context.load_cert_chain(certificate, key)
        return context

    def test_point_01_without_cookie_it_explains_itself(self):
        for cookie in (None, "wrong"):
            ended = subprocess.run([PROVIDER], env=environment(TF_PLUGIN_MAGIC_COOKIE=cookie),
                                   capture_output=True, timeout=10)
            self.assertEqual(ended.returncode, 1)
            self.assertEqual(ended.stdout, b"")
            self.assertIn(b"provider for Terraform", ended.stderr)

    def test_point_02_speaks_version_six_whatever_the_order(self):
        for versions in ("5,6", "6,5", "6", None):
            with self.subTest(versions=versions), Plugin(PLUGIN_PROTOCOL_VERSIONS=versions) as plugin:
                self.assertEqual(plugin.fields[:3], ["1", "6", "unix"])
                self.assertEqual(plugin.fields[4:], ["grpc", ""])
        ended = subprocess.run([PROVIDER], env=environment(PLUGIN_PROTOCOL_VERSIONS="5"),
                               capture_output=True, timeout=10)
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(ended.stdout, b"")
        self.assertIn(b"protocol 6", ended.stderr)

    def test_point_03_every_launch_writes_a_line_that_parses(self):
        seen = set()
        launches = 1000 if LONG else 30
        for _ in range(launches):
            with Plugin(PLUGIN_CLIENT_CERT=self.pem) as plugin:
                self.assertEqual(len(plugin.fields), 6)
                self.assertNotIn("=", plugin.fields[5])
                self.client(plugin)
                seen.add(plugin.fields[5])
        self.assertEqual(len(seen), launches, "a new key for every launch")

    def test_point_04_only_core_may_call(self):
        with tempfile.TemporaryDirectory() as directory, \
                Plugin(PLUGIN_CLIENT_CERT=self.pem) as plugin:
            key, certificate = make_certificate(directory)
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                exchange(plugin.address, self.client(plugin))
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                exchange(plugin.address, self.client(plugin, key, certificate))
            # A settings frame: the server talks HTTP/2 with whom it trusts.
            answer = exchange(plugin.address, self.client(plugin, self.key, self.certificate))
            self.assertEqual(answer[3], 4)
            with socket.socket(socket.AF_UNIX) as plain:
                plain.settimeout(5)
                plain.connect(plugin.address)
                plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
                try:
                    self.assertNotEqual(plain.recv(9)[3:4], b"\4")
                except ConnectionError:
                    pass

    def test_point_06_a_seventh_field_is_only_for_those_who_ask(self):
        with Plugin(PLUGIN_MULTIPLEX_GRPC="1") as plugin:
            self.assertEqual(plugin.fields[6:], ["false"])
        with Plugin() as plugin:
            self.assertEqual(len(plugin.fields), 6)

    def test_point_07_the_socket_is_the_users_alone(self):
        with Plugin() as plugin:
            self.assertEqual(stat.S_IMODE(os.stat(plugin.address).st_mode) & 0o077, 0)

    def test_point_07_a_long_temporary_directory_is_no_obstacle(self):
        with tempfile.TemporaryDirectory() as base:
            for length in (80, 200):
                long = os.path.join(base, "d" * (length - len(base)))
                os.makedirs(long)
                with self.subTest(length=length), Plugin(TMPDIR=long) as plugin:
                    self.assertIn(plugin.fields[2], ("unix", "tcp"))
                    if plugin.fields[2] == "unix":
                        with socket.socket(socket.AF_UNIX) as raw:
                            raw.connect(plugin.address)
                        os.unlink(plugin.address)
                    else:
                        host, port = plugin.address.split(":")
                        self.assertEqual(host, "127.0.0.1")
                        socket.create_connection((host, int(port)), 5).close()

    def test_point_11_an_interrupt_is_for_core_alone(self):
        with Plugin() as plugin:
            plugin.process.send_signal(2)
            with self.assertRaises(subprocess.TimeoutExpired):
                plugin.process.wait(0.5)

    def test_point_10_ends_when_core_is_killed(self):
        # A parent that starts the provider and is killed: nothing else tells the provider.
        parent = subprocess.Popen(
            [sys.executable, "-c",
             "import subprocess,sys,time\n"
             "p=subprocess.Popen([sys.argv[1]],stdout=subprocess.PIPE)\n"
             "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)", PROVIDER],
            stdout=subprocess.PIPE, env=environment(TMPDIR=self.directory))
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        parent.stdout.close()
        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{pid}/exe") and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertFalse(os.path.exists(f"/proc/{pid}/exe"), "the provider outlived its core")
        self.assertEqual([f for f in os.listdir(self.directory) if f.endswith(".sock")], [])

    def test_point_13_a_crash_is_told_in_cores_words(self):
        with Plugin() as plugin:
            plugin.process.send_signal(6)
            plugin.process.wait(10)
            lines = plugin.process.stderr.read().decode().splitlines()
        self.assertTrue(any(line.startswith("panic: aborted") for line in lines), lines)

    def test_point_09_starts_within_its_budget(self):
        # Of processor and not of wall time: this machine does other things too. What both are when it
        # does nothing else is measured by tests/bench/run.
        used, peak = [], []
        for _ in range(9):
            with Plugin(PLUGIN_CLIENT_CERT=self.pem) as plugin:
                used.append(plugin.processor_ms())
                peak.append(plugin.status("VmHWM") / 1024)
        self.assertLess(statistics.median(used), 20, "ms")
        self.assertLess(max(peak), 20, "MiB")

    def test_point_14_a_debugged_one_ends_on_interrupt_and_takes_its_socket_along(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number), Debugged() as provider:
                path = provider.told["Addr"]["String"]
                with socket.socket(socket.AF_UNIX) as somebody:
                    somebody.connect(path)
                    provider.process.send_signal(number)
                    self.assertEqual(provider.process.wait(5), 0)
                self.assertFalse(os.path.exists(path))


class StderrTest(CoreCase):
    def test_point_12_every_line_is_one_that_core_reads_or_text(self):
        with tempfile.TemporaryFile() as log, Fleet(hosts=0) as fleet:
            # Core's worst requests, and a crash.
            self.core("Hostile.RandomBytesForEveryRequest", engine=fleet, log=log, TF_LOG="TRACE")
            self.core("Parallel.RandomCalls", engine=fleet, log=log, TF_LOG="TRACE")
            with Plugin(log=log, TF_LOG="TRACE") as plugin:
                plugin.process.send_signal(signal.SIGABRT)
                plugin.process.wait(10)
            log.seek(0)
            lines = log.read().decode().splitlines()
        read = []
        for line in lines:
            try:
                read.append(json.loads(line))
            except ValueError:
                self.assertFalse(line.startswith("{"), line)
        self.assertGreater(len(read), 100)
        for line in read:
            self.assertEqual({type(line.get(key)) for key in ("@level", "@message", "@timestamp", "@module")}, {str},
                             line)
        self.assertIn("panic: aborted", lines)


class ShutdownTest(CoreCase):
    def test_point_08_ends_at_once_when_core_is_done(self):
        with tempfile.TemporaryDirectory() as directory:
            plugin, _ = self.core("Process.AnswersShutdown", TMPDIR=directory, wait=True)
            self.assertEqual(plugin.process.returncode, 0)
            # Core gives it two seconds; loaded machines get one.
            self.assertLess(plugin.took_to_end, 1)
            self.assertEqual(os.listdir(directory), [], "the socket goes with the process")


def providers_of(terraform):
    """Ids of the provider processes that this directory's commands started."""
    found = []
    mark = terraform.env["TF_CLI_CONFIG_FILE"].encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(PROVIDER):
                with open(f"/proc/{pid}/environ", "rb") as env:
                    if mark in env.read():
                        found.append(int(pid))
        except OSError:
            pass
    return found


class CoreProcessTest(CliCase):
    HOSTS = 1

    NAMESPACE = 'resource "espalier_namespace" "a" { name = "process" }'

    def test_point_05_works_without_tls_where_the_user_says_so(self):
        self.terraform(self.NAMESPACE, TF_DISABLE_PLUGIN_TLS="1").run("plan")

    def test_point_08_leaves_no_process_and_no_complaint(self):
        terraform = self.terraform(self.NAMESPACE, TF_LOG="WARN")
        out = terraform.run("plan", "-no-color")
        self.assertNotIn("failed to exit gracefully", out)
        self.assertNotIn("unexpected data", out)
        self.assertEqual(providers_of(terraform), [])

    def test_point_10_nothing_survives_a_killed_core(self):
        terraform = self.terraform(self.vm('host_labels = { nowhere = "yes" }', "killed"))
        process = terraform.start("apply", "-auto-approve", "-no-color")
        try:
            wait_for(lambda: self.fleet.vm("killed"), "the VM")
            (provider,) = providers_of(terraform)
            with open(f"/proc/{provider}/stat") as stat_file:
                # Not the process that was started: a launcher may stand between.
                os.kill(int(stat_file.read().rsplit(")", 1)[1].split()[1]), signal.SIGKILL)
            process.communicate(timeout=30)
        finally:
            process.kill()
        wait_for(lambda: not providers_of(terraform), "the provider to end", 10)
        # Core had no time to write it down: the next run is told how to go on.
        out = terraform.fails("plan")
        self.assertIn("import it as default/killed", out)
        terraform.run("import", "-no-color", "espalier_vm.killed", "default/killed")
        terraform.write(self.vm("power = \"off\"", "killed"))
        terraform.apply()
        terraform.assert_no_changes()

    def test_point_11_an_interrupt_leaves_an_object_that_the_next_run_goes_on_with(self):
        if clis.default().is_library:
            self.skipTest("this Terraform is a library behind a launcher, which no terminal interrupts")
        terraform = self.terraform(self.vm('host_labels = { late = "yes" }', "interrupted"))
        process = terraform.start("apply", "-auto-approve", "-no-color")
        try:
            wait_for(lambda: self.fleet.vm("interrupted"), "the VM")
            wait_for(lambda: providers_of(terraform), "the provider")
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=30)
        finally:
            process.kill()
        self.assertIn("Did not wait", out)
        state = terraform.state()["espalier_vm.interrupted"]
        self.assertFalse(state.get("tainted", False))
        uid = self.fleet.vm("interrupted")["metadata"]["uid"]
        self.assertEqual(state["values"]["uid"], uid)
        terraform.apply()
        self.assertEqual(self.fleet.vm("interrupted")["metadata"]["uid"], uid)

    def lines_of_provider(self, terraform, *command, **env):
        """What core has logged of the provider's lines."""
        path = os.path.join(terraform.directory, "log")
        if os.path.exists(path):
            os.unlink(path)
        terraform.run(*command, TF_LOG="JSON", TF_LOG_PATH=path, **env)
        with open(path) as log:
            return [line for line in map(json.loads, log) if line.get("@module") == "espalier"]

    def test_point_12_log_lines_arrive_with_level_and_keys(self):
        terraform = self.terraform(self.NAMESPACE)
        terraform.apply()
        levels = {"call answered": "debug", "object is gone from state": "info", "object created": "info"}
        for level, shown in (("TRACE", {"debug", "info"}), ("DEBUG", {"debug", "info"}), ("INFO", {"info"}),
                             ("WARN", set()), ("ERROR", set())):
            with self.subTest(level):
                before = terraform.state("espalier_namespace.a")["uid"]
                lines = self.lines_of_provider(terraform, "apply", "-auto-approve", "-replace=espalier_namespace.a",
                                               TF_LOG_PROVIDER=level)
                self.assertEqual({(line["@message"], line["@level"]) for line in lines},
                                 {(message, its) for message, its in levels.items() if its in shown})
                uids = {"object is gone from state": before,
                        "object created": terraform.state("espalier_namespace.a")["uid"]}
                for line in lines:
                    if line["@message"] in uids:
                        self.assertEqual((line["ref"], line["uid"]), ("namespace process", uids[line["@message"]]))
                        continue
                    self.assertGreaterEqual(float(line["duration_ms"]), 0)
                    one = line["tf_rpc"].endswith(("ResourceConfig", "ResourceState", "ResourceChange", "ReadResource"))
                    self.assertEqual(line.get("tf_resource_type"), "espalier_namespace" if one else None, line)
                calls = {line.get("tf_rpc") for line in lines} - {None}
                self.assertEqual({"UpgradeResourceState", "ReadResource", "ApplyResourceChange"} <= calls,
                                 "debug" in shown)

    def test_point_12_the_log_of_this_provider_alone_can_be_silenced(self):
        for silent in ({"TF_LOG": "TRACE", "TF_LOG_PROVIDER_ESPALIER": "off"}, {"TF_LOG": "off"}):
            with self.subTest(silent):
                out = self.terraform(self.NAMESPACE, **silent).run("validate", "-no-color")
                self.assertNotIn("call answered", out)

    def test_point_13_a_crash_is_shown_with_its_stack(self):
        terraform = self.terraform(self.vm('host_labels = { nowhere = "yes" }', "crashed"))
        process = terraform.start("apply", "-auto-approve", "-no-color")
        try:
            wait_for(lambda: self.fleet.vm("crashed"), "the VM")
            for pid in providers_of(terraform):
                os.kill(pid, signal.SIGABRT)
            out, _ = process.communicate(timeout=30)
        finally:
            process.kill()
        self.addCleanup(self.fleet.delete_vm, "crashed", "?override=test")
        self.assertIn("Stack trace from the terraform-provider-espalier plugin", out)
        self.assertIn("panic: ", out)

    def test_point_14_one_process_serves_one_command_after_the_other(self):
        with Debugged() as provider, Terraform() as ours, Terraform() as others:
            def configuration(instance, description):
                return f"""
                  provider "espalier" {{
                    endpoint = "{self.fleet.engine}"
                    token    = "{self.fleet.token}"
                    instance = "{instance}"
                  }}
                  resource "espalier_namespace" "a" {{
                    name        = "debugged"
                    description = "{description}"
                  }}"""
            for terraform in (ours, others):
                # Were it to start a provider of its own, it would find none.
                with open(terraform.env["TF_CLI_CONFIG_FILE"], "w") as rc:
                    rc.write("provider_installation {\n  filesystem_mirror { path = \"/nonexistent\" }\n}\n")
                terraform.env["TF_REATTACH_PROVIDERS"] = provider.variable
            ours.write(configuration("ours", "first"))
            others.write(configuration("others", "theirs"))
            ours.run("init", "-no-color")
            others.run("init", "-no-color")
            ours.apply()
            ours.assert_no_changes()
            # Another configuration of the same process: what it says counts from now on.
            self.assertIn("ours", others.fails("plan"))
            ours.write(configuration("ours", "second"))
            ours.apply()
            self.assertEqual(self.fleet.request("GET", "namespaces/debugged")["spec"]["description"], "second")
            ours.destroy()
            self.assertIsNone(self.fleet.request("GET", "namespaces/debugged"))
            self.assertIsNone(provider.process.poll(), "it outlives every command")

    def test_point_15_this_command_line_plans(self):
        self.terraform(self.NAMESPACE).run("plan")


if __name__ == "__main__":
    unittest.main()
