"""The provider as a process: handshake, mutual TLS, socket, end. No engine and no Terraform needed."""
import base64
import os
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from plugin import PROVIDER, Plugin, environment, make_certificate


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
        cls.directory = tempfile.TemporaryDirectory()
        cls.key, cls.certificate = make_certificate(cls.directory.name)
        with open(cls.certificate) as pem:
            cls.pem = pem.read()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def client(self, plugin, key=None, certificate=None):
        """A TLS client that trusts exactly the certificate of the handshake line."""
        encoded = plugin.fields[5]
        der = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        context = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(der))
        context.set_alpn_protocols(["h2"])
        if certificate:
            context.load_cert_chain(certificate, key)
        return context

    def test_without_cookie_it_explains_itself(self):
        for cookie in (None, "wrong"):
            ended = subprocess.run([PROVIDER], env=environment(TF_PLUGIN_MAGIC_COOKIE=cookie),
                                   capture_output=True, timeout=10)
            self.assertEqual(ended.returncode, 1)
            self.assertEqual(ended.stdout, b"")
            self.assertIn(b"provider for Terraform", ended.stderr)

    def test_speaks_version_six_whatever_the_order(self):
        for versions in ("5,6", "6,5", "6", None):
            with self.subTest(versions=versions), Plugin(PLUGIN_PROTOCOL_VERSIONS=versions) as plugin:
                self.assertEqual(plugin.fields[:3], ["1", "6", "unix"])
                self.assertEqual(plugin.fields[4:], ["grpc", ""])
        ended = subprocess.run([PROVIDER], env=environment(PLUGIN_PROTOCOL_VERSIONS="5"),
                               capture_output=True, timeout=10)
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(ended.stdout, b"")

    def test_every_launch_writes_a_line_that_parses(self):
        seen = set()
        for _ in range(30):
            with Plugin(PLUGIN_CLIENT_CERT=self.pem) as plugin:
                self.assertEqual(len(plugin.fields), 6)
                self.assertNotIn("=", plugin.fields[5])
                self.client(plugin)
                seen.add(plugin.fields[5])
        self.assertEqual(len(seen), 30, "a new key for every launch")

    def test_only_core_may_call(self):
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

    def test_a_seventh_field_is_only_for_those_who_ask(self):
        with Plugin(PLUGIN_MULTIPLEX_GRPC="1") as plugin:
            self.assertEqual(plugin.fields[6], "false")

    def test_the_socket_is_the_users_alone(self):
        with Plugin() as plugin:
            self.assertEqual(stat.S_IMODE(os.stat(plugin.address).st_mode) & 0o077, 0)

    def test_a_long_temporary_directory_is_no_obstacle(self):
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

    def test_an_interrupt_is_for_core_alone(self):
        with Plugin() as plugin:
            plugin.process.send_signal(2)
            with self.assertRaises(subprocess.TimeoutExpired):
                plugin.process.wait(0.5)

    def test_ends_when_core_is_killed(self):
        # A parent that starts the provider and is killed: nothing else tells the provider.
        parent = subprocess.Popen(
            [sys.executable, "-c",
             "import subprocess,sys,time\n"
             "p=subprocess.Popen([sys.argv[1]],stdout=subprocess.PIPE)\n"
             "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)", PROVIDER],
            stdout=subprocess.PIPE, env=environment(TMPDIR=self.directory.name))
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
        parent.stdout.close()
        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{pid}/exe") and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertFalse(os.path.exists(f"/proc/{pid}/exe"), "the provider outlived its core")
        self.assertEqual([f for f in os.listdir(self.directory.name) if f.endswith(".sock")], [])

    def test_a_crash_is_told_in_cores_words(self):
        with Plugin() as plugin:
            plugin.process.send_signal(6)
            plugin.process.wait(10)
            lines = plugin.process.stderr.read().decode().splitlines()
        self.assertTrue(any(line.startswith("panic: aborted") for line in lines), lines)


if __name__ == "__main__":
    unittest.main()
