"""What the tests of the points share. A test of a CliCase runs once under each command line that is here;
all others play core themselves and run once."""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e/provider"))

from fleet import Fleet  # noqa: E402
from plugin import BIN, Plugin, make_certificate  # noqa: E402
from terraform import Terraform  # noqa: E402
import clis  # noqa: E402

LONG = bool(os.environ.get("ESPALIER_LONG"))
GOLDEN_SCHEMA = os.path.join(ROOT, "tests/golden/terraform_schema.json")


def golden_schema():
    with open(GOLDEN_SCHEMA) as file:
        return json.load(file)


def attributes_of(schema):
    """Every attribute of a block, nested ones too, as (path, attribute)."""
    for name, attribute in schema.get("attributes", {}).items():
        yield name, attribute
        for inner, nested in attributes_of(attribute.get("nested_type", {})):
            yield f"{name}.{inner}", nested


def all_attributes():
    """Every attribute that the committed schema has anywhere, as (place, attribute)."""
    schema = golden_schema()
    yield from attributes_of(schema["provider"]["block"])
    for section, types in schema.items():
        if section.endswith("_schemas") and "identity" not in section:
            for name, one in types.items():
                for path, attribute in attributes_of(one.get("block", {})):
                    yield f"{name}.{path}", attribute


class CliCase(unittest.TestCase):
    """HOSTS: how many simulated Macs stand by; 0 is an engine alone, None not even that."""

    HOSTS = None
    fleet = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if cls.HOSTS is not None:
            cls.fleet = cls.enterClassContext(Fleet(hosts=cls.HOSTS))

    def needs(self, major, minor, what):
        cli = clis.default()
        if cli.name != "Terraform" or cli.version < (major, minor):
            self.skipTest(f"{what} came with Terraform {major}.{minor}")

    def terraform(self, body=None, **more):
        """A directory of its own at the fleet's engine; in the end its objects are destroyed."""
        if self.fleet is not None:
            more = {"engine": self.fleet.engine, "token": self.fleet.token, **more}
        terraform = Terraform(**more)

        def clean():
            try:
                if os.path.exists(os.path.join(terraform.directory, "terraform.tfstate")):
                    terraform.write("")
                    terraform.destroy()
            finally:
                terraform.__exit__()

        self.addCleanup(clean)
        if body is not None:
            terraform.write(body)
        return terraform

    def vm(self, more="", name="a"):
        """A configuration of one VM."""
        return f"""
          resource "espalier_vm" "{name}" {{
            name  = "{name}"
            image = "{self.fleet.image}"
            {more}
          }}
          """


class CoreCase(unittest.TestCase):
    """Plays core by tests/conformance/core: a client of the protocol that says what no CLI would."""

    def core(self, *tests, wait=False, engine=None, **env):
        """Starts a provider and runs these tests of the client against it; the provider and what the
        client printed. `env` may hold `log`, too, as of Plugin. `engine`: a Fleet. With `wait` the client ends the provider, and that it ends is
        waited for."""
        with tempfile.TemporaryDirectory() as directory:
            key, certificate = make_certificate(directory)
            with open(certificate) as pem:
                plugin = Plugin(PLUGIN_CLIENT_CERT=pem.read(), **env)
            with plugin:
                run = subprocess.run(
                    [os.path.join(BIN, "conformance_core"), "--gtest_filter=" + ":".join(tests),
                     plugin.address, plugin.fields[5], certificate, key,
                     *((engine.engine, engine.token) if engine else ())],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
                self.assertEqual(run.returncode, 0, run.stdout)
                # A filter that fits nothing is no test.
                self.assertIn(f"[==========] {len(tests)} test", run.stdout)
                if wait:
                    began = time.monotonic()
                    plugin.process.wait(10)
                    plugin.took_to_end = time.monotonic() - began
                return plugin, run.stdout
