"""Objects of every kind, for tests that do the same to all of them: their configurations, made from the schemas,
and what the engine has of them."""
import json
import os

from attributes import kinds, smallest_of_kind
from cases import CliCase, golden_schema


def told_of(kind):
    return golden_schema()["resource_schemas"][f"espalier_{kind}"]["block"]


def is_namespaced(kind):
    return "namespace" in told_of(kind)["attributes"]


def kind_of(address):
    return address.partition(".")[0].removeprefix("espalier_")


# The cluster's settings are there from the beginning: nobody makes them anew, and nobody deletes them.
BUILTIN = "espalier_cluster.default"


def smallest_objects():
    """An object of every kind by its address, and of kinds with a namespace another one of the same name elsewhere."""
    configs = {}
    for kind in kinds():
        name = "default" if kind == "cluster" else "x"
        configs[f"espalier_{kind}.{name}"] = smallest_of_kind(kind, name)
        if is_namespaced(kind):
            configs[f"espalier_{kind}.elsewhere"] = {**smallest_of_kind(kind, name), "namespace": "two"}
    return configs


def arguments(values):
    return "".join(f"  {name} = {json.dumps(value)}\n" for name, value in values.items())


def block(what, address, values):
    kind, _, name = address.partition(".")
    return f'{what} "{kind}" "{name}" {{\n{arguments(values)}}}\n'


class ObjectsCase(CliCase):
    """Configurations are {address: {attribute: value}}."""

    def prepare(self):
        """Makes what the configurations name."""
        for path, kind, spec in (("namespaces", "Namespace", {}),
                                 ("git_sources", "GitSource", {"repository": "/srv/none.git"})):
            for name in ("one", "two"):
                self.fleet.request("PUT", f"{path}/{name}", {
                    "apiVersion": "espalier/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})

    def filled(self, text):
        return text.replace("@REGISTRY@", self.fleet.registry.address).replace("@DIGEST@", self.fleet.registry.digest)

    def body(self, configs):
        return self.filled("".join(block("resource", address, config) for address, config in configs.items()))

    def path(self, address, config):
        kind = kind_of(address)
        path = f"{kind}s/{config['name']}"
        return f"namespaces/{config.get('namespace', 'default')}/{path}" if is_namespaced(kind) else path

    def stored(self, address, config):
        """The object as the engine has it; None if it is not there."""
        return self.fleet.request("GET", self.path(address, config))

    def import_id(self, address, config):
        return f"{config.get('namespace', 'default')}/{config['name']}" if is_namespaced(kind_of(address)) \
            else config["name"]

    def uids(self, terraform):
        return {address: resource["values"]["uid"] for address, resource in terraform.state().items()}


def state_file(terraform):
    """What Terraform has on disk, every object's instance by its address."""
    with open(os.path.join(terraform.directory, "terraform.tfstate")) as file:
        document = json.load(file)
    instances = {f"{resource['type']}.{resource['name']}": instance
                 for resource in document["resources"] for instance in resource["instances"]}
    return document, instances
