"""Drives the real Terraform (or OpenTofu) with our provider through dev_overrides."""
import json
import os
import shutil
import subprocess
import tempfile

import clis
from plugin import BIN

HEADER = """
terraform {
  required_providers {
    espalier = { source = "espalier/espalier" }
  }
}
"""


class Failed(AssertionError):
    """A command of Terraform failed; the text is what it printed."""


class Terraform:
    """A directory with a configuration and its state. Use as a context manager."""

    def __init__(self, engine="127.0.0.1:1", token="none", instance="e2e", cli=None, **env):
        """`cli`: of clis.py; the default one unless a test needs another. `env`: of every command."""
        self.cli = cli or clis.default()
        self.directory = tempfile.mkdtemp(prefix="espalier-terraform-")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        self.env.update(TF_CLI_CONFIG_FILE=os.path.join(self.directory, "terraform.rc"), TF_IN_AUTOMATION="1",
                        CHECKPOINT_DISABLE="1", ESPALIER_ENGINE=engine, ESPALIER_TOKEN=token,
                        ESPALIER_INSTANCE=instance)
        self.env.update(env)
        self.override("espalier/espalier")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)

    def override(self, *addresses, directory=BIN):
        """Our provider, or another program of its name in `directory`, is the one at these addresses."""
        with open(os.path.join(self.directory, "terraform.rc"), "w") as out:
            lines = "".join(f'    "{address}" = "{directory}"\n' for address in addresses)
            out.write("provider_installation {\n  dev_overrides {\n" + lines + "  }\n  direct {}\n}\n")

    def write(self, body, header=HEADER):
        with open(os.path.join(self.directory, "main.tf"), "w") as out:
            out.write(header + body)

    def start(self, *args, **more):
        return subprocess.Popen([self.cli.path, *args], cwd=self.directory, env={**self.env, **more},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def run(self, *args, ok=(0,), timeout=300, **more):
        """Runs a command; its output. Raises Failed for exit codes other than `ok`."""
        process = self.start(*args, **more)
        try:
            out, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            raise Failed(f"{args} took longer than {timeout} s:\n{out}")
        if process.returncode not in ok:
            raise Failed(f"{args} ended with {process.returncode}:\n{out[-20000:]}")
        return out

    def fails(self, *args, **more):
        """Runs a command that must fail; its output with its lines joined, so that texts are found."""
        out = self.run(*args, "-no-color", ok=(1,), **more)
        return " ".join(line.strip("╷│╵ ") for line in out.splitlines())

    def apply(self, *args, **more):
        return self.run("apply", "-auto-approve", "-no-color", *args, **more)

    def destroy(self, *args, **more):
        return self.run("destroy", "-auto-approve", "-no-color", *args, **more)

    def assert_no_changes(self):
        """The plan is empty, before and after a refresh."""
        for refresh in ("false", "true"):
            self.run("plan", "-no-color", "-detailed-exitcode", f"-refresh={refresh}")

    def plan(self):
        """What a plan would do: {address: [actions]}, without those that do nothing."""
        path = os.path.join(self.directory, "plan")
        self.run("plan", "-no-color", f"-out={path}")
        plan = json.loads(self.run("show", "-json", path))
        return {change["address"]: change["change"] for change in plan.get("resource_changes", [])
                if change["change"]["actions"] != ["no-op"]}

    def state(self, address=None):
        """The attributes in state, by address; or those of one."""
        shown = json.loads(self.run("show", "-json"))
        resources = shown.get("values", {}).get("root_module", {}).get("resources", [])
        found = {resource["address"]: resource for resource in resources}
        return found[address]["values"] if address else found

    def validate(self):
        return json.loads(self.run("validate", "-json", ok=(0, 1)))
