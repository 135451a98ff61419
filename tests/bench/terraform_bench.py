"""What a large configuration costs: the real Terraform with our provider, whose processes are measured
one by one."""
import pathlib
import tempfile
import time

from plugin import PROVIDER
from terraform import Terraform

# Stands where Terraform looks for the provider: starts it, and notes what it used once it has ended.
# Its pipes are core's own; only the exit comes by way of this script.
MEASURED = r"""#!/usr/bin/env python3
import os, resource, signal, subprocess
signal.signal(signal.SIGINT, signal.SIG_IGN)
code = subprocess.call([{provider!r}])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
note = os.open({notes!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
os.write(note, b"%f\n" % (used.ru_utime + used.ru_stime))
os._exit(code)
"""


class Measured:
    """A Terraform whose steps are timed. Use as a context manager."""

    def __init__(self, fleet, resources, parallelism):
        self.directory = tempfile.TemporaryDirectory(prefix="espalier-bench-")
        root = pathlib.Path(self.directory.name)
        self.notes = root / "notes"
        program = root / "bin/terraform-provider-espalier"
        program.parent.mkdir()
        program.write_text(MEASURED.format(provider=PROVIDER, notes=str(self.notes)))
        program.chmod(0o755)
        self.resources = resources
        self.parallelism = f"-parallelism={parallelism}"
        self.terraform = Terraform(engine=fleet.engine, token=fleet.token,
                                   instance=f"bench-{parallelism}")
        self.terraform.override("espalier/espalier", directory=program.parent)
        # Powered off: what is measured is Terraform and the provider, not the start of machines.
        self.terraform.write(f"""
          resource "espalier_vm" "many" {{
            count = {resources}
            name  = "p{parallelism}-${{count.index}}"
            image = "{fleet.image}"
            power = "off"
          }}
          """)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.terraform.__exit__()
        self.directory.cleanup()

    def step(self, *command):
        """Seconds on the clock, and microseconds of the providers' processors for each resource."""
        self.notes.write_text("")
        began = time.perf_counter()
        self.terraform.run(*command, self.parallelism, "-no-color", timeout=900)
        took = time.perf_counter() - began
        used = sum(float(line) for line in self.notes.read_text().split())
        return took, used * 1e6 / self.resources


def many_resources(fleet, resources):
    """Plan, apply, a plan that finds nothing, destroy, with each parallelism."""
    reports = {}
    for parallelism in (10, 100):
        with Measured(fleet, resources, parallelism) as measured:
            for name, command in {"plan": ["plan"], "apply": ["apply", "-auto-approve"],
                                  "refresh": ["plan", "-detailed-exitcode"],
                                  "destroy": ["destroy", "-auto-approve"]}.items():
                took, used = measured.step(*command)
                reports[f"terraform/{parallelism}/{name}"] = (took, "s")
                reports[f"terraform/{parallelism}/{name}/processor"] = (used, "us")
    return reports
