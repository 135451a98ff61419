"""Many objects at once: plural data sources, and `terraform query` where the CLI has it."""
import json
import os
import unittest

from clis import at_least
from fleet import Fleet
from terraform import Terraform


class ListTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(hosts=0))
        for number in range(7):
            cls.put_image(f"image-{number}", "odd" if number % 2 else "even")

    @classmethod
    def put_image(cls, name, parity):
        cls.fleet.request("PUT", f"images/{name}", {
            "apiVersion": "espalier/v1", "kind": "Image",
            "metadata": {"name": name, "labels": {"parity": parity}},
            "spec": {"reference": cls.fleet.image}})

    def terraform(self, body, **more):
        terraform = self.enterContext(Terraform(self.fleet.engine, self.fleet.token, **more))
        terraform.write(body)
        return terraform

    def query(self, *lists, args=(), ok=(0,), config=""):
        """What `terraform query` finds, of each list's block; all that it said."""
        terraform = self.terraform(config, cli=at_least(1, 14))
        with open(os.path.join(terraform.directory, "all.tfquery.hcl"), "w") as out:
            out.write("\n".join(lists))
        said = terraform.run("query", "-json", *args, ok=ok)
        events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        return [event["list_resource_found"] for event in events if "list_resource_found" in event], said

    def test_point_52_a_plural_data_source_holds_what_matches(self):
        terraform = self.terraform("""
          data "espalier_images" "all" {}
          data "espalier_images" "odd" { selector = { parity = "odd" } }
          data "espalier_images" "none" { selector = { parity = "odd", color = "blue" } }
          data "espalier_image" "one" { name = data.espalier_images.odd.items[0].name }
          data "espalier_vms" "none" { namespace = "nowhere" }
          """)
        terraform.apply()
        state = terraform.state()

        def items(address):
            return state[address]["values"]["items"]

        self.assertEqual([item["name"] for item in items("data.espalier_images.all")],
                         [f"image-{number}" for number in range(7)])
        self.assertEqual([item["name"] for item in items("data.espalier_images.odd")],
                         ["image-1", "image-3", "image-5"])
        self.assertEqual(items("data.espalier_images.none"), [])
        self.assertEqual(items("data.espalier_vms.none"), [])
        self.assertEqual(items("data.espalier_images.odd")[0], state["data.espalier_image.one"]["values"])
        terraform.assert_no_changes()

    def test_point_52_a_selection_known_late_is_read_late(self):
        terraform = self.terraform("""
          resource "terraform_data" "late" { input = "odd" }
          data "espalier_images" "late" { selector = { parity = terraform_data.late.output } }
          output "count" { value = length(data.espalier_images.late.items) }
          """)
        terraform.apply()
        self.assertEqual(terraform.run("output", "count").strip(), "3")
        terraform.assert_no_changes()

    def test_point_52_mistakes_in_a_selection_have_their_attribute(self):
        terraform = self.terraform("""
          data "espalier_vms" "bad" {
            namespace = "Not_A_Name"
            selector  = { " " = "x" }
          }
          """)
        found = {d["snippet"]["code"].split("=")[0].strip() for d in terraform.validate()["diagnostics"]
                 if d["severity"] == "error"}
        self.assertEqual(found, {"namespace", "selector"})

    def test_point_52_a_query_finds_what_matches(self):
        found, _ = self.query('list "espalier_image" "all" { provider = espalier }',
                              """list "espalier_image" "odd" {
                                   provider = espalier
                                   include_resource = true
                                   config { selector = { parity = "odd" } }
                                 }""")
        names = {}
        for each in found:
            names.setdefault(each["address"], []).append(each["display_name"])
            self.assertEqual(each["identity"], {"name": each["display_name"]})
        self.assertEqual(names["list.espalier_image.all"], [f"image-{number}" for number in range(7)])
        self.assertEqual(names["list.espalier_image.odd"], ["image-1", "image-3", "image-5"])
        whole = [each["resource_object"] for each in found if each["address"].endswith("odd")]
        self.assertEqual([each["reference"] for each in whole], [self.fleet.image] * 3)
        self.assertFalse(any("resource_object" in each for each in found if each["address"].endswith("all")))

    def test_point_52_a_query_has_its_limit(self):
        for limit, expected in ((1, 1), (7, 7), (100, 7)):
            found, _ = self.query(f'list "espalier_image" "a" {{\n  provider = espalier\n  limit = {limit}\n}}')
            self.assertEqual(len(found), expected)

    def test_point_52_a_query_says_what_is_wrong(self):
        _, said = self.query("""list "espalier_vm" "a" {
                                  provider = espalier
                                  config { namespace = "Not_A_Name" }
                                }""", ok=(1,))
        self.assertIn("Invalid list of espalier_vm", said)
        _, said = self.query('list "espalier_vm" "a" { provider = espalier }', ok=(1,),
                             config='provider "espalier" { token = "nobody" }')
        self.assertIn("Cannot list vms", said)

    def test_point_52_what_a_query_generates_plans_nothing_but_the_import(self):
        terraform = self.terraform("", cli=at_least(1, 14), ESPALIER_TRANSFER="true")
        with open(os.path.join(terraform.directory, "all.tfquery.hcl"), "w") as out:
            out.write("""list "espalier_image" "odd" {
                           provider = espalier
                           include_resource = true
                           config { selector = { parity = "odd" } }
                         }""")
        terraform.run("query", "-no-color", "-generate-config-out=generated.tf")
        plan = terraform.run("plan", "-no-color")
        # Taking over what another made is an update, and nothing else is.
        self.assertIn("3 to import, 0 to add, 3 to change, 0 to destroy", plan)


if __name__ == "__main__":
    unittest.main()
