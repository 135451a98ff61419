"""The provider's functions under the real Terraform. They need no engine."""
import json
import unittest

from terraform import Terraform

SOME = 'resource "terraform_data" "later" { input = "12GiB" }\n'


class FunctionsTest(unittest.TestCase):
    def setUp(self):
        self.terraform = self.enterContext(Terraform())

    def outputs(self, body, *args):
        self.terraform.write(body)
        self.terraform.apply(*args)
        found = json.loads(self.terraform.run("output", "-json"))
        return {name: output["value"] for name, output in found.items()}

    def error(self, call):
        self.terraform.write(f"output \"x\" {{ value = {call} }}")
        return self.terraform.fails("plan")

    def test_point_56_they_compute_what_their_arguments_say(self):
        digest = "sha256:" + "a" * 64
        found = self.outputs("""
          output "memory" { value = provider::espalier::parse_memory("12GiB") }
          output "exact"  { value = provider::espalier::parse_memory("9007199254740991MiB") }
          output "image"  {
            value = provider::espalier::parse_image_reference("registry.example:5000/macos/sonoma:14.6")
          }
          output "pinned" {
            value = provider::espalier::parse_image_reference("registry.example/sonoma@%s")
          }
          output "ref"  { value = provider::espalier::ref("ci", "build") }
          output "host" { value = provider::espalier::ref(null, "mac-01") }
          """ % digest)
        self.assertEqual(found, {
            "memory": 12288, "exact": 9007199254740991, "ref": "ci/build", "host": "mac-01",
            "image": {"registry": "registry.example:5000", "repository": "macos/sonoma",
                      "tag": "14.6", "digest": None},
            "pinned": {"registry": "registry.example", "repository": "sonoma", "tag": None,
                       "digest": digest}})
        self.terraform.assert_no_changes()

    def test_point_56_what_is_not_known_yet_is_computed_once_it_is(self):
        found = self.outputs(SOME + """
          output "memory" { value = provider::espalier::parse_memory(terraform_data.later.output) }
          output "ref"    { value = provider::espalier::ref("ci", terraform_data.later.id) }
          """)
        self.assertEqual(found["memory"], 12288)
        self.assertRegex(found["ref"], "^ci/[0-9a-f-]{36}$")

    def test_point_56_errors_point_at_the_argument(self):
        for call, texts in {
                'provider::espalier::parse_memory("12GB")': ['"memory"', "none of B, KiB"],
                "provider::espalier::parse_memory(null)": ['"memory"', "null"],
                "provider::espalier::parse_memory([])": ['"memory"', "string required"],
                "provider::espalier::parse_memory()": ["Not enough function arguments"],
                'provider::espalier::parse_image_reference("ubuntu:24.04")': [
                    '"reference"', "must begin with its registry"],
                'provider::espalier::ref("Ci", "build")': ['"namespace"', "is no name"],
                'provider::espalier::ref("ci", "a/b")': ['"name"', "is no name"],
                'provider::espalier::ref("ci", null)': ['"name"', "null"]}.items():
            with self.subTest(call=call):
                error = self.error(call)
                for text in texts:
                    self.assertIn(text, error)

    def test_point_56_they_are_known_while_terraform_validates(self):
        self.terraform.write("""
          resource "espalier_vm" "a" {
            name       = "a"
            image      = "registry.example/x"
            memory_mib = provider::espalier::parse_memory("64MiB")
          }
          """)
        problems = self.terraform.validate()
        self.assertFalse(problems["valid"])
        self.assertIn("128", problems["diagnostics"][0]["detail"])


if __name__ == "__main__":
    unittest.main()
