"""Writes down what a state of the current schema version looks like, once per version: below
tests/fixtures/terraform_state/v<N>/, one file per type with what was configured and what Terraform stored.
Unit tests replay every version that was ever released; what is there is never written again.

    python3 tests/e2e/provider/record_state.py      needs a built engine and provider, and Terraform 1.12"""
import json
import os
import sys

from clis import at_least
from fleet import Fleet
from kinds import KINDS
from plugin import ROOT
from terraform import Terraform

VM = ({"image": '"@IMAGE@"'}, {
    "cpu": "4", "memory_mib": "2048", "disk_gib": "50", "host_labels": '{ rack = "a" }',
    "preferred_host_labels": '{ fast = "yes" }', "ports": '{ http = { guest = 8080 } }',
    "guest_metadata": '{ role = "signing" }', "power": '"off"', "ttl_seconds": "3600",
    "restart": '"always"', "partition": '"keep"', "labels": '{ team = "ios" }',
    "annotations": '{ note = "x" }', "timeouts": '{ create = "90s" }'})


def configuration(full, fleet):
    body = ""
    for kind, (first, more) in {**KINDS, "vm": VM}.items():
        values = {"name": '"x"', **first, **(more if full else {})}
        # A digest is the registry's to tell, and is not known here.
        lines = "".join(f"  {name} = {value}\n" for name, value in values.items() if name != "digest")
        body += f'resource "espalier_{kind}" "x" {{\n{lines}}}\n'
    return body.replace("@REGISTRY@", fleet.registry.address).replace("@IMAGE@", fleet.image)


def recorded(full, fleet):
    """By type: what was configured and what was stored."""
    with Terraform(fleet.engine, fleet.token, cli=at_least(1, 12)) as terraform:
        terraform.write(configuration(full, fleet))
        path = os.path.join(terraform.directory, "plan")
        terraform.run("plan", f"-out={path}")
        plan = json.loads(terraform.run("show", "-json", path))
        configs = {resource["type"]: {name: expression["constant_value"]
                                      for name, expression in resource["expressions"].items()}
                   for resource in plan["configuration"]["root_module"]["resources"]}
        terraform.run("apply", path)
        with open(os.path.join(terraform.directory, "terraform.tfstate")) as file:
            state = json.load(file)
        terraform.destroy()
    return {resource["type"]: {"config": configs[resource["type"]], **resource["instances"][0]}
            for resource in state["resources"]}


def main():
    with Fleet(hosts=1) as fleet:
        both = [recorded(full, fleet) for full in (False, True)]
    for type_name in both[0]:
        version = both[0][type_name]["schema_version"]
        directory = os.path.join(ROOT, f"tests/fixtures/terraform_state/v{version}")
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, type_name + ".json")
        if os.path.exists(path):
            print(f"kept {path}")
            continue
        with open(path, "w") as out:
            json.dump([each[type_name] for each in both], out, indent=1, sort_keys=True)
            out.write("\n")
        print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
