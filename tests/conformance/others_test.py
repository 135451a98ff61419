"""Data sources, the provider block, secrets, many objects at once, and what users build on all of it."""
import json
import os
import re
import socket
import tempfile
import threading
import unittest

from cases import LONG, ROOT, CliCase, CoreCase, golden_schema
from objects import arguments, block, smallest_objects
from plugin import make_authority
from fleet import Fleet
import clis

OBJECTS = 500 if LONG else 100


class CoreOthersTest(CoreCase):
    def test_point_59_calls_at_random_in_parallel(self):
        with Fleet(hosts=0) as fleet:
            self.core("Parallel.RandomCalls", engine=fleet)

    def test_point_60_fifty_megabytes_in_one_element(self):
        self.core("Size.FiftyMegabytes")

    def test_point_63_any_bytes_in_every_place_are_told(self):
        # With an engine: otherwise that there is none would be all that is told.
        with Fleet(hosts=0) as fleet:
            _, out = self.core("Hostile.RandomBytesInEveryPlace", engine=fleet)
            self.core("Hostile.AnyValueInEveryPlace", engine=fleet)
        self.core("Hostile.EveryTruncation")
        self.assertEqual(set(re.findall(r"^place: (.+)$", out, re.MULTILINE)), places_of_bytes())

    def test_point_63_any_bytes_for_every_request_are_answered(self):
        with Fleet(hosts=0) as fleet:
            _, out = self.core("Hostile.RandomBytesForEveryRequest", engine=fleet)
        self.assertEqual(set(re.findall(r"^call: (.+)$", out, re.MULTILINE)), set(requests()))


def requests():
    """What the protocol's requests consist of: {call: text of its message}."""
    with open(os.path.join(ROOT, "schemas/third_party/tfplugin6/tfplugin6.proto")) as file:
        text = file.read()
    calls = re.findall(r"^  rpc (\w+)\(", text, re.MULTILINE)
    return {call: re.search(rf"^message {call} {{\n.*?^  message Request {{(.*?)}}$", text, re.MULTILINE | re.DOTALL)[1]
            for call in calls}


def places_of_bytes():
    """Where core puts bytes of its own: "ReadResource.current_state"."""
    kinds = "DynamicValue|RawState|ResourceIdentityData|bytes"
    return {f"{call}.{field}" for call, message in requests().items()
            for field in re.findall(rf"\b(?:{kinds}) (\w+) =", message)}


# The calls that validate parts of a configuration, where the schema has those parts, and how the log names them.
VALIDATED = (
    ("ValidateResourceConfig", "resource_schemas", "tf_resource_type"),
    ("ValidateDataResourceConfig", "data_source_schemas", "tf_data_source_type"),
    ("ValidateEphemeralResourceConfig", "ephemeral_resource_schemas", "tf_ephemeral_resource_type"),
    ("ValidateActionConfig", "action_schemas", "tf_action_type"),
    ("ValidateListResourceConfig", "list_resource_schemas", "tf_list_resource_type"),
    ("CallFunction", "functions", "tf_function_name"),
)
# Of what any text will not do for.
ARGUMENTS = {"memory": "12GiB", "reference": "@REGISTRY@/macos/sonoma:1", "role": "viewer"}


def required(schema):
    return {name: ARGUMENTS.get(name, "x") for name, told in schema["block"].get("attributes", {}).items()
            if told.get("required")}


def everything(address, with_actions):
    """A configuration and the queries beside it that have whatever the schema has; whom they name is at
    `address`."""
    schema = golden_schema()
    objects = smallest_objects()
    objects["espalier_git_source.x"]["repository"] = "http://@REGISTRY@/fleet.git"
    objects["espalier_registry_credential.x"]["registry"] = "@REGISTRY@"
    text = block("resource", "terraform_data.any", {})
    text += f'provider "espalier" {{\n{arguments({"endpoint": "@REGISTRY@", "token": "x", "instance": "x"})}}}\n'
    text += "".join(block("resource", *one) for one in objects.items())
    for what, section in (("data", "data_source_schemas"), ("ephemeral", "ephemeral_resource_schemas")):
        text += "".join(block(what, f"{name}.x", required(one)) for name, one in schema[section].items())
    for name, one in schema["functions"].items():
        given = ", ".join(json.dumps(ARGUMENTS.get(parameter["name"], "x")) for parameter in one["parameters"])
        text += f'output "{name}" {{\n  value = provider::espalier::{name}({given})\n}}\n'
    if with_actions:
        text += "".join(f'action "{name}" "x" {{\n  config {{\n{arguments(required(one))}  }}\n}}\n'
                        for name, one in schema["action_schemas"].items())
    queries = "".join(f'list "{name}" "x" {{\n  provider = espalier\n}}\n' for name in schema["list_resource_schemas"])
    return text.replace("@REGISTRY@", address), queries


class Listener:
    """Accepts connections and counts them."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class OthersTest(CliCase):
    HOSTS = 0

    def test_point_53_a_data_source_waits_for_what_is_not_known(self):
        terraform = self.terraform("""
          resource "terraform_data" "late" { input = "default" }
          data "espalier_namespace" "d" { name = terraform_data.late.output }
          output "uid" { value = data.espalier_namespace.d.uid }
          """)
        self.assertEqual(terraform.plan()["data.espalier_namespace.d"]["actions"], ["read"])
        terraform.apply()
        self.assertEqual(terraform.run("output", "-raw", "uid").strip(),
                         self.fleet.request("GET", "namespaces/default")["metadata"]["uid"])

    def test_point_53_what_is_not_there_is_an_error_at_its_name(self):
        out = self.terraform('data "espalier_namespace" "d" {\n  name = "nowhere"\n}\n').fails("plan")
        self.assertIn("namespace nowhere does not exist", out)
        self.assertIn('name = "nowhere"', out)

    def test_point_58_a_provider_block_that_is_not_known_yet(self):
        terraform = self.terraform(f"""
          resource "terraform_data" "late" {{ input = "{self.fleet.engine}" }}
          provider "espalier" {{ endpoint = terraform_data.late.output }}
          resource "espalier_namespace" "a" {{ name = "late" }}
          """)
        # Nothing in the environment: the block alone says where the engine is.
        del terraform.env["ESPALIER_ENGINE"]
        self.assertEqual(terraform.plan()["espalier_namespace.a"]["actions"], ["create"])
        terraform.apply()
        self.assertIsNotNone(self.fleet.request("GET", "namespaces/late"))
        terraform.env["ESPALIER_ENGINE"] = self.fleet.engine
        terraform.write("")
        terraform.destroy()
        terraform.write("""
          resource "terraform_data" "later" { input = "x" }
          provider "espalier" { endpoint = terraform_data.later.output }
          data "espalier_namespace" "d" { name = "default" }
          """)
        out = terraform.fails("plan")
        self.assertIn("endpoint", out)
        self.assertIn("-target", out)

    def test_point_58_anything_in_the_provider_block_may_be_known_late(self):
        told = golden_schema()["provider"]["block"]["attributes"]
        late = {name: 'terraform_data.late.output == "x"' if one["type"] == "bool" else "terraform_data.late.output"
                for name, one in told.items()}
        pair = {name: late.pop(name) for name in ("client_cert_file", "client_key_file")}
        for chosen in (*({name: late[name]} for name in late), pair, {**late, **pair}):
            with self.subTest(chosen):
                terraform = self.terraform('resource "terraform_data" "late" { input = "x" }\n'
                                           'provider "espalier" {\n'
                                           + "".join(f"  {name} = {value}\n" for name, value in chosen.items())
                                           + "}\n" + self.objects())
                self.assertEqual({address: change["actions"] for address, change in terraform.plan().items()},
                                 {address: ["create"] for address in (*smallest_objects(), "terraform_data.late")})

    def objects(self):
        return "".join(block("resource", *one) for one in smallest_objects().items()).replace(
            "@REGISTRY@", self.fleet.registry.address)

    def test_point_58_an_engine_that_asks_for_certificates(self):
        with tempfile.TemporaryDirectory() as directory:
            files = make_authority(directory, "engine", "client")
            with Fleet(hosts=0, engine_args=("--tls-cert", files["engine.pem"], "--tls-key", files["engine.key"],
                                             "--client-ca", files["ca.pem"])) as fleet:
                given = {"ca_file": files["ca.pem"], "client_cert_file": files["client.pem"],
                         "client_key_file": files["client.key"]}
                variables = {"ESPALIER_CA_FILE": files["ca.pem"], "ESPALIER_CERT_FILE": files["client.pem"],
                             "ESPALIER_KEY_FILE": files["client.key"]}
                body = 'resource "espalier_namespace" "a" { name = "secured" }\n'

                def with_block(values):
                    return f'provider "espalier" {{\n{arguments(values)}}}\n{body}'

                terraform = self.terraform(with_block(given), engine=fleet.engine, token=fleet.token)
                terraform.apply()
                terraform.assert_no_changes()
                terraform.write(body)
                terraform.run("plan", "-detailed-exitcode", **variables)
                # Neither without a certificate, nor where another authority would have to vouch for the engine.
                for wrong in ({"ca_file": files["ca.pem"]}, {**given, "ca_file": make_authority(directory, "x")["ca.pem"]}):
                    terraform.write(with_block(wrong))
                    self.assertIn("did not answer", terraform.fails("plan"))
                terraform.write(with_block(given))
                terraform.destroy()

    def test_point_58_what_the_provider_block_lacks(self):
        body = 'provider "espalier" {}\nresource "espalier_namespace" "a" { name = "a" }'
        for variable, attribute in (("ESPALIER_ENGINE", "endpoint"), ("ESPALIER_INSTANCE", "instance")):
            with self.subTest(attribute=attribute):
                terraform = self.terraform(body)
                del terraform.env[variable]
                out = terraform.fails("plan")
                self.assertEqual(out.count("Error:"), 1, out)
                self.assertIn(variable, out)
                self.assertIn(attribute, out)

    def test_point_58_what_is_wrong_in_the_provider_block(self):
        for attribute, value in (("request_timeout", "soon"), ("ca_file", "/nowhere/ca.pem"),
                                 ("client_cert_file", "/nowhere/cert.pem"), ("endpoint", "no engine")):
            with self.subTest(attribute=attribute):
                out = self.terraform(f"""
                  provider "espalier" {{
                    {attribute} = "{value}"
                  }}
                  data "espalier_namespace" "d" {{ name = "default" }}
                  """).fails("plan")
                self.assertEqual(out.count("Error:"), 1, out)
                self.assertIn(attribute, out)

    def test_point_58_the_block_beats_the_environment(self):
        terraform = self.terraform(f"""
          provider "espalier" {{ endpoint = "{self.fleet.engine}" }}
          data "espalier_namespace" "d" {{ name = "default" }}
          """)
        terraform.env["ESPALIER_ENGINE"] = "127.0.0.1:1"
        terraform.run("plan")

    def test_point_59_many_objects_at_once(self):
        terraform = self.terraform(f"""
          resource "espalier_namespace" "many" {{
            count = {OBJECTS}
            name  = "many-${{count.index}}"
          }}
          """)
        terraform.apply("-parallelism=100")
        terraform.assert_no_changes()
        self.assertEqual(len(terraform.state()), OBJECTS)
        terraform.destroy("-parallelism=100")
        left = [item["metadata"]["name"] for item in self.fleet.request("GET", "namespaces")["items"]]
        self.assertEqual([name for name in left if name.startswith("many-")], [])

    def test_point_61_two_aliases_at_two_engines(self):
        with Fleet(hosts=0) as other:
            terraform = self.terraform(f"""
              provider "espalier" {{
                alias    = "other"
                endpoint = "{other.engine}"
                token    = "{other.token}"
              }}
              resource "espalier_namespace" "here" {{ name = "here" }}
              resource "espalier_namespace" "there" {{
                name     = "there"
                provider = espalier.other
              }}
              """)
            terraform.apply()
            terraform.assert_no_changes()
            self.assertIsNotNone(self.fleet.request("GET", "namespaces/here"))
            self.assertIsNone(self.fleet.request("GET", "namespaces/there"))
            self.assertIsNotNone(other.request("GET", "namespaces/there"))
            self.assertIsNone(other.request("GET", "namespaces/here"))
            terraform.destroy()
            self.assertIsNone(other.request("GET", "namespaces/there"))

    def test_point_62_validate_calls_nobody(self):
        cli = clis.default()
        is_new = cli.name == "Terraform" and cli.version >= (1, 14)
        with Listener() as nobody:
            config, queries = everything(nobody.address, with_actions=is_new)
            terraform = self.terraform(config)
            if is_new:
                with open(os.path.join(terraform.directory, "all.tfquery.hcl"), "w") as out:
                    out.write(queries)
            log = os.path.join(terraform.directory, "log")
            said = json.loads(terraform.run("validate", "-json", *(["-query"] if is_new else []), ok=(0, 1),
                                            TF_LOG="JSON", TF_LOG_PROVIDER="DEBUG", TF_LOG_PATH=log))
            self.assertTrue(said["valid"], said)
            self.assertEqual(nobody.connections, 0)
            # All of it was validated.
            with open(log) as lines:
                calls = [line for line in map(json.loads, lines) if line.get("tf_rpc")]
            schema = golden_schema()
            for call, section, key in VALIDATED:
                if is_new or key not in ("tf_action_type", "tf_list_resource_type"):
                    self.assertEqual({line[key] for line in calls if line["tf_rpc"] == call}, set(schema[section]))
            # It would be seen.
            self.terraform('data "espalier_namespace" "d" { name = "default" }', engine=nobody.address).fails("plan")
            self.assertGreater(nobody.connections, 0)


if __name__ == "__main__":
    unittest.main()
