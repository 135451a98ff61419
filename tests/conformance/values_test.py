"""Values: what a configuration can hold, and what comes back of it."""
import json
import os
import unicodedata
import unittest

from cases import CliCase, CoreCase, all_attributes

# What int64 and double cannot hold, and what they can only just.
NUMBERS = ("0.1", "3.14159", "1e30", "9007199254740993", "9223372036854775808", "-0",
           "1234567890123456789012345678901234567890")


def holds(kind, attribute):
    return kind in json.dumps(attribute.get("type", ""))


class CoreValuesTest(CoreCase):
    def test_point_21_numbers_are_exact(self):
        self.core("Numbers.SurviveUpgradeAndPlan", "Numbers.AreRefusedNotRounded")

    def test_point_22_text_survives(self):
        self.core("Text.SurvivesUpgradeAndPlan")

    def test_point_23_absent_and_empty_differ(self):
        self.core("Collections.AbsentAndEmptyDiffer")

    def test_point_26_every_attribute_may_be_unknown(self):
        self.core("Unknown.InEveryPlace")

    def test_point_27_refinements_are_understood(self):
        self.core("Unknown.WithEveryRefinement", "Unknown.PromisesAreKept")

    def test_point_28_state_loads_leniently(self):
        self.core("State.WithOtherAttributes")

    def test_point_24_no_attribute_is_dynamic(self):
        if any(holds("dynamic", attribute) for _, attribute in all_attributes()):
            self.fail("a dynamic attribute needs a test of its own")
        self.skipTest("does not arise: no attribute is dynamic")

    def test_point_25_no_attribute_is_a_set(self):
        if any(holds("set", attribute) or attribute.get("nested_type", {}).get("nesting_mode") == "set"
               for _, attribute in all_attributes()):
            self.fail("a set needs a test of its own")
        self.skipTest("does not arise: no attribute is a set")


class ValuesTest(CliCase):
    HOSTS = 0

    def namespace(self, more):
        return f'resource "espalier_namespace" "a" {{\n  name = "values"\n  {more}\n}}\n'

    def test_point_21_numbers_come_back_or_are_refused(self):
        def host(number):
            return f'resource "espalier_host" "a" {{\n  name = "numbers"\n  pull_mbps = {number}\n}}\n'

        terraform = self.terraform(host(400000))
        terraform.apply()
        terraform.assert_no_changes()
        self.assertEqual(self.fleet.request("GET", "hosts/numbers")["spec"]["pull_mbps"], 400000)
        for number in NUMBERS:
            with self.subTest(number=number):
                terraform.write(host(number))
                if float(number) == 0:
                    self.assertEqual(terraform.plan()["espalier_host.a"]["after"]["pull_mbps"], 0)
                else:
                    self.assertIn("pull_mbps", terraform.fails("validate"))

    def test_point_22_text_of_every_kind(self):
        decomposed = unicodedata.normalize("NFD", "é")
        texts = {"kana": "日本語 ✓ \U0001F5A5", "composed": "é", "decomposed": decomposed,
                 "quotes": '\\"\\\\$${x}\\n', "long": "x" * 4096}
        for name, text in texts.items():
            with self.subTest(text=name):
                terraform = self.terraform(self.namespace(f'annotations = {{ note = "{text}" }}'))
                terraform.apply()
                terraform.assert_no_changes()
                stored = self.fleet.request("GET", "namespaces/values")["metadata"]["annotations"]["note"]
                if name in ("composed", "decomposed"):
                    self.assertEqual(stored, "é")
                elif name != "quotes":
                    self.assertEqual(stored, text)
                terraform.destroy()

    def test_point_22_long_text_comes_back_or_is_refused(self):
        def vm(length):
            return self.vm('power = "off"\n guest_metadata = { note = "' + "x" * length + '" }')

        terraform = self.terraform(vm(250_000))
        terraform.apply()
        terraform.assert_no_changes()
        self.assertEqual(self.fleet.vm("a")["spec"]["guest_metadata"]["note"], "x" * 250_000)
        # An object has a limit, and the refusal says which.
        terraform.write(vm(1 << 20))
        self.assertIn("at most 262144 are allowed", terraform.fails("validate"))

    def test_point_22_empty_text_is_not_absent(self):
        terraform = self.terraform(self.namespace('description = ""'))
        terraform.apply()
        terraform.assert_no_changes()
        self.assertEqual(terraform.state("espalier_namespace.a")["description"], "")
        terraform.write(self.namespace(""))
        terraform.apply()
        terraform.assert_no_changes()
        self.assertIsNone(terraform.state("espalier_namespace.a")["description"])

    def test_point_23_empty_collections_are_refused(self):
        for empty in ("labels = {}", "annotations = {}"):
            with self.subTest(empty=empty):
                self.assertIn("leave it out", self.terraform(self.namespace(empty)).fails("validate"))
        body = 'resource "espalier_git_source" "a" {{\n name = "a"\n repository = "/none"\n {} \n}}'
        self.assertIn("leave it out", self.terraform(body.format("kinds = []")).fails("validate"))

    def test_point_26_unknown_values_validate(self):
        result = self.terraform("""
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
              """).validate()
        self.assertTrue(result["valid"], result["diagnostics"])

    def test_point_28_state_with_other_attributes_loads(self):
        terraform = self.terraform(self.namespace('description = "as before"'))
        terraform.apply()
        path = os.path.join(terraform.directory, "terraform.tfstate")
        with open(path) as file:
            state = json.load(file)
        values = state["resources"][0]["instances"][0]["attributes"]
        values["of_another_time"] = {"deep": [1, 2]}
        del values["labels"], values["uid"]
        with open(path, "w") as file:
            json.dump(state, file)
        terraform.assert_no_changes()


if __name__ == "__main__":
    unittest.main()
