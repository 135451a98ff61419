"""What Terraform learns of the schema, and what it says about configurations. No engine needed."""
import json
import os
import re
import subprocess
import unittest

from plugin import PROVIDER, ROOT
from terraform import Terraform

GOLDEN = os.path.join(ROOT, "tests/golden/terraform_schema.json")


class SchemaTest(unittest.TestCase):
    maxDiff = None

    def told_by_the_provider(self):
        return json.loads(subprocess.run([PROVIDER, "--schema-json"], check=True, capture_output=True).stdout)

    def test_core_understands_what_the_provider_tells(self):
        with Terraform() as terraform:
            terraform.write("")
            schemas = json.loads(terraform.run("providers", "schema", "-json"))["provider_schemas"]
        (schema,) = schemas.values()
        told = self.told_by_the_provider()
        # An older core does not know every part of it.
        self.assertEqual(schema, {part: told[part] for part in told if part in schema})

    def test_schema_is_the_golden_one(self):
        text = json.dumps(self.told_by_the_provider(), indent=1, sort_keys=True) + "\n"
        if os.environ.get("ESPALIER_UPDATE_GOLDEN"):
            with open(GOLDEN, "w") as out:
                out.write(text)
            self.skipTest("rewrote the golden")
        with open(GOLDEN) as golden:
            self.assertEqual(golden.read(), text, "ESPALIER_UPDATE_GOLDEN=1 rewrites it")

    def test_every_mistake_has_its_attribute(self):
        with Terraform() as terraform:
            terraform.write("""
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
              """)
            result = terraform.validate()
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

    def test_unknown_values_validate(self):
        with Terraform() as terraform:
            terraform.write("""
              resource "terraform_data" "later" { input = "x" }
              resource "espalier_vm" "a" {
                count          = 2
                name           = "a-${terraform_data.later.output}-${count.index}"
                image          = terraform_data.later.output
                cpu            = length(terraform_data.later.output)
                labels         = { team = terraform_data.later.output }
                guest_metadata = terraform_data.later.output == "x" ? { a = "b" } : null
                ports          = { http = { guest = length(terraform_data.later.output) } }
              }
              """)
            result = terraform.validate()
        self.assertTrue(result["valid"], result["diagnostics"])

    def test_works_without_tls_where_the_user_says_so(self):
        with Terraform(TF_DISABLE_PLUGIN_TLS="1") as terraform:
            terraform.write('resource "espalier_namespace" "a" { name = "a" }')
            self.assertTrue(terraform.validate()["valid"])

    def test_leaves_no_process_and_no_complaint(self):
        with Terraform(TF_LOG="WARN") as terraform:
            terraform.write('resource "espalier_namespace" "a" { name = "a" }')
            out = terraform.run("validate", "-no-color")
        self.assertNotIn("failed to exit gracefully", out)
        self.assertNotIn("unexpected data", out)

    def test_log_lines_arrive_with_level_and_keys(self):
        with Terraform(TF_LOG_PROVIDER="DEBUG") as terraform:
            terraform.write('resource "espalier_namespace" "a" { name = "a" }')
            out = terraform.run("validate", "-no-color")
        lines = [line for line in out.splitlines() if "call answered" in line]
        self.assertTrue(lines, out)
        self.assertTrue(all("[DEBUG]" in line and "tf_rpc=" in line for line in lines), lines)
        self.assertIn("tf_resource_type=espalier_namespace", out)

    def test_the_log_of_this_provider_alone_can_be_silenced(self):
        for silent in ({"TF_LOG": "TRACE", "TF_LOG_PROVIDER_ESPALIER": "off"}, {"TF_LOG": "off"}):
            with self.subTest(silent), Terraform(**silent) as terraform:
                terraform.write('resource "espalier_namespace" "a" { name = "a" }')
                self.assertNotIn("call answered", terraform.run("validate", "-no-color"))


if __name__ == "__main__":
    unittest.main()
