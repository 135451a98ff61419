"""The command lines that tests can drive on this machine: `terraform` or `tofu` of PATH, and the newer
Terraform that tools/setup puts beside it.

A test runs under DEFAULT, which ESPALIER_TERRAFORM overrides: any *_test.py here runs under another CLI
by `ESPALIER_TERRAFORM=build/tools/bin/terraform-1.15 python3 lifecycle_test.py`. What an older one cannot
do asks for what it needs: `Terraform(cli=at_least(1, 14))`."""
import functools
import json
import os
import shutil
import subprocess
import unittest
from typing import NamedTuple

from plugin import ROOT

TOOLS = os.path.join(os.environ.get("ESPALIER_TOOLS_DIR") or os.path.join(ROOT, "build/tools"), "bin")


class Cli(NamedTuple):
    path: str
    name: str  # Terraform or OpenTofu
    version: tuple  # (1, 11, 4)

    @property
    def title(self):
        """As tables name it: without the patch, which another machine may have another of."""
        return f"{self.name} {self.version[0]}.{self.version[1]}"

    @property
    def is_library(self):
        """Whether it is the library behind the launcher that tools/setup makes, under whatever name."""
        return os.path.basename(os.path.realpath(self.path)) == "launcher"


@functools.lru_cache(maxsize=None)
def read(path):
    """The CLI of this path. Raises if it does not tell its version."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    out = subprocess.run([path, "version", "-json"], capture_output=True, text=True, check=True,
                         env={**env, "CHECKPOINT_DISABLE": "1"}).stdout
    version = json.loads(out)["terraform_version"].split("-")[0]
    name = "OpenTofu" if os.path.basename(path).startswith("tofu") else "Terraform"
    return Cli(path, name, tuple(int(part) for part in version.split(".")))


@functools.lru_cache(maxsize=None)
def every():
    """All that are here, oldest first, one of each minor version."""
    search = os.pathsep.join([os.environ.get("PATH", ""), TOOLS])
    names = ("terraform", "tofu", "terraform-1.15")
    chosen = os.environ.get("ESPALIER_TERRAFORM")
    paths = [chosen] if chosen else filter(None, (shutil.which(n, path=search) for n in names))
    found = {}
    for path in paths:
        cli = read(path)
        found.setdefault(cli.title, cli)
    return sorted(found.values(), key=lambda cli: (cli.name != "Terraform", cli.version))


def default():
    """The one that tests run under unless they ask for another: the first of PATH."""
    search = os.pathsep.join([os.environ.get("PATH", ""), TOOLS])
    path = os.environ.get("ESPALIER_TERRAFORM") or shutil.which("terraform", path=search) or shutil.which(
        "tofu", path=search)
    if path is None:
        raise unittest.SkipTest("neither terraform nor tofu is on PATH, and tools/setup was not run")
    return read(path)


def at_least(major, minor):
    """The oldest Terraform that is at least this; skips the test where none is here."""
    for cli in every():
        if cli.name == "Terraform" and cli.version >= (major, minor):
            return cli
    raise unittest.SkipTest(f"needs Terraform {major}.{minor} (tools/setup installs 1.15)")
