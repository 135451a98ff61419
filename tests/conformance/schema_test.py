"""What core learns of the schema."""
import json
import os
import re
import subprocess
import unittest

from cases import GOLDEN_SCHEMA, CliCase, CoreCase, all_attributes, golden_schema
from plugin import PROVIDER

# Core gives up on a schema above 64 MiB; ours shall stay far from it.
LARGEST_SCHEMA = 1 << 20


def told_by_the_provider():
    return json.loads(subprocess.run([PROVIDER, "--schema-json"], check=True, capture_output=True).stdout)


class SchemaTest(unittest.TestCase):
    maxDiff = None

    def test_point_16_schema_is_the_golden_one(self):
        text = json.dumps(told_by_the_provider(), indent=1, sort_keys=True) + "\n"
        with open(GOLDEN_SCHEMA) as golden:
            committed = golden.read()
        if committed != text and os.environ.get("ESPALIER_UPDATE_GOLDEN"):
            with open(GOLDEN_SCHEMA, "w") as out:
                out.write(text)
            self.skipTest("rewrote the golden")
        self.assertEqual(committed, text, "ESPALIER_UPDATE_GOLDEN=1 rewrites it")

    def test_point_16_everything_has_a_description(self):
        self.assertEqual([place for place, attribute in all_attributes()
                          if not attribute.get("description", "").strip()], [])
        for section, types in golden_schema().items():
            if section.endswith("_schemas") and "identity" not in section:
                for name, one in types.items():
                    self.assertTrue(one.get("block", one).get("description"), f"{section}: {name}")

    def test_point_20_every_secret_is_write_only_and_has_its_version(self):
        places = {place: attribute for place, attribute in all_attributes()}
        secrets = [place for place, attribute in places.items() if attribute.get("write_only")]
        self.assertIn("espalier_registry_credential.password.value_wo", secrets)
        for place in secrets:
            self.assertTrue(places[place].get("sensitive"), place)
            self.assertIn(place + "_version", places)

    def test_point_20_nothing_is_deprecated(self):
        # The day something is, a test has to show that it warns.
        self.assertEqual([place for place, attribute in all_attributes() if attribute.get("deprecated")], [])


class WriteOnlyTest(CoreCase):
    def test_point_20_write_only_is_refused_by_a_core_that_would_store_it(self):
        self.core("WriteOnly.IsRefusedByAnOlderCore")


class FirstCallTest(CoreCase):
    def test_point_17_any_call_may_be_the_first(self):
        for call in ("Plan", "Validate", "Upgrade", "Metadata"):
            with self.subTest(call=call):
                self.core("First." + call)

    def test_point_19_the_schema_is_far_below_cores_limit(self):
        _, out = self.core("Schema.Size")
        size = int(re.search(r"schema bytes: (\d+)", out)[1])
        self.assertGreater(size, 10_000)
        self.assertLess(size, LARGEST_SCHEMA)


class CoreSchemaTest(CliCase):
    HOSTS = 0

    def test_point_16_core_understands_what_the_provider_tells(self):
        schemas = json.loads(self.terraform("").run("providers", "schema", "-json"))["provider_schemas"]
        (schema,) = schemas.values()
        told = told_by_the_provider()
        # An older core does not know every part of it.
        self.assertEqual(schema, {part: told[part] for part in told if part in schema})

    def test_point_17_one_schema_call_per_command(self):
        terraform = self.terraform('resource "espalier_namespace" "a" { name = "once" }', TF_LOG_PROVIDER="DEBUG")
        calls = re.findall(r"call answered.* tf_rpc=(\w+)", terraform.run("plan", "-no-color"))
        self.assertIn("PlanResourceChange", calls)
        self.assertEqual(calls.count("GetProviderSchema"), 1, calls)

    def test_point_18_core_accepts_every_type(self):
        # Core checks the whole schema before it does anything; a configuration of each type, told that
        # everything required is missing, is core's proof that it knows it.
        golden = golden_schema()
        for section, word in (("resource_schemas", "resource"), ("data_source_schemas", "data")):
            body = "".join(f'{word} "{name}" "x" {{}}\n' for name in golden[section])
            result = self.terraform(body).validate()
            summaries = {diagnostic["summary"] for diagnostic in result["diagnostics"]
                         if diagnostic["severity"] == "error"}
            self.assertEqual(summaries, {"Missing required argument"})

    def test_point_18_every_mistake_has_its_attribute(self):
        result = self.terraform("""
              resource "espalier_vm" "a" {
                name   = "Not_A_Name"
                image  = "sonoma"
                cpu    = 400
                power  = "ON"
                labels = {}
                ports  = { http = { guest = 0 } }
              }
              resource "espalier_image_cache" "b" {
                name   = "b"
                images = ["sonoma"]
              }
              """).validate()
        found = {}
        for diagnostic in result["diagnostics"]:
            if diagnostic["severity"] == "error":
                code = diagnostic.get("snippet", {}).get("code", "")
                found[re.split(r"[ =]+", code.strip())[0]] = diagnostic["detail"]
        self.assertIn("lower-case", found["name"])
        self.assertIn("128", found["cpu"])
        self.assertIn("on, off", found["power"])
        self.assertIn("leave it out", found["labels"])
        details = " ".join(d["detail"] for d in result["diagnostics"])
        self.assertIn('ports["http"].guest', details)
        self.assertIn("all_hosts", details)

    def test_point_20_a_sensitive_value_is_masked(self):
        secret = "canary-7f3a"
        terraform = self.terraform(f"""
          provider "espalier" {{
            token = "{secret}"
          }}
          resource "espalier_namespace" "a" {{ name = "masked" }}
          """)
        out = terraform.run("plan", "-no-color", ok=(1,))
        self.assertNotIn(secret, out.replace(f'token = "{secret}"', ""))
        self.assertIn("token", out)


if __name__ == "__main__":
    unittest.main()
