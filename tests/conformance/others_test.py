"""Data sources, the provider block, secrets, many objects at once, and what users build on all of it."""
import os
import re
import socket
import threading
import unittest

from cases import LONG, ROOT, CliCase, CoreCase
from fleet import Fleet

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
        with Listener() as nobody:
            body = f"""
              provider "espalier" {{
                endpoint = "{nobody.address}"
                token    = "x"
                instance = "x"
              }}
              resource "espalier_namespace" "a" {{ name = "a" }}
              data "espalier_namespace" "d" {{ name = "default" }}
              """
            self.assertTrue(self.terraform(body).validate()["valid"])
            self.assertEqual(nobody.connections, 0)
            # It would be seen.
            self.terraform(body).fails("plan")
            self.assertGreater(nobody.connections, 0)


if __name__ == "__main__":
    unittest.main()
