"""Starts terraform-provider-espalier the way Terraform's core does, without Terraform."""
import os
import select
import subprocess
import tempfile

COOKIE = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
BIN = os.environ.get("ESPALIER_BIN", os.path.join(ROOT, "build/release/bin"))
PROVIDER = os.path.join(BIN, "terraform-provider-espalier")


def make_certificate(directory):
    """A key and certificate as core makes them for one launch: P-521, self-signed."""
    key, certificate = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1",
         "-sha512", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", "/O=HashiCorp/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True)
    return key, certificate


def make_authority(directory, *names):
    """Keys and certificates for `names` on loopback, and the authority that signed them: paths by "name.pem" and
    "name.key", of the authority by "ca.pem"."""
    directory = tempfile.mkdtemp(dir=directory)
    files = {}

    def make(name, *how):
        files.update({f"{name}.{kind}": os.path.join(directory, f"{name}.{kind}") for kind in ("key", "pem")})
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-keyout", files[f"{name}.key"], "-out", files[f"{name}.pem"], "-subj",
                        f"/CN={name}", *how], check=True, capture_output=True)

    make("ca")
    for name in names:
        make(name, "-CA", files["ca.pem"], "-CAkey", files["ca.key"], "-addext", "subjectAltName=IP:127.0.0.1",
             "-addext", "basicConstraints=critical,CA:FALSE")
    return files


def environment(**more):
    """Core's environment for a plugin; a value of None takes a variable away."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    env.update(TF_PLUGIN_MAGIC_COOKIE=COOKIE, PLUGIN_PROTOCOL_VERSIONS="5,6",
               PLUGIN_MIN_PORT="10000", PLUGIN_MAX_PORT="25000")
    env.update({name: value for name, value in more.items() if value is not None})
    for name, value in more.items():
        if value is None:
            env.pop(name, None)
    return env


class Started:
    """A started provider and the line that it wrote. Use as a context manager: it is killed in the end."""

    def __init__(self, *args, log=None, **env):
        """`log`: a file for what it writes to standard error, if that is more than a pipe holds."""
        self.directory = tempfile.TemporaryDirectory(prefix="espalier-plugin-")
        env.setdefault("TMPDIR", self.directory.name)
        self.process = subprocess.Popen([PROVIDER, *args], stdout=subprocess.PIPE, stderr=log or subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, env=environment(**env))
        ready, _, _ = select.select([self.process.stdout], [], [], 10)
        self.line = self.process.stdout.readline().decode() if ready else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if self.process.stderr:
            self.process.stderr.close()
        self.directory.cleanup()

    def status(self, name):
        """A figure of /proc/PID/status, in KiB. Not rusage: that inherits the parent's peak."""
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        raise KeyError(name)

    def processor_ms(self):
        """What all its threads have used of the processor: hardly moved by what else runs."""
        total = 0
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{thread}/schedstat") as stat:
                total += int(stat.read().split()[0])
        return total / 1e6


class Plugin(Started):
    """A provider as core starts it."""

    def __init__(self, **more):
        super().__init__(**more)
        self.fields = self.line.rstrip("\n").split("|")

    @property
    def address(self):
        return self.fields[3]
