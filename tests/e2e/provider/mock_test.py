"""`terraform test` with our provider mocked: modules are tested without an engine, by their authors."""
import os
import unittest

from terraform import Terraform

MODULE = """
variable "runners" { type = number }
provider "espalier" { instance = "mocked" }
data "espalier_host" "build" { name = "mac-01" }
resource "espalier_image" "macos" {
  name      = "sonoma"
  reference = "registry.example/macos/sonoma:14.6"
}
resource "espalier_vm" "runner" {
  count          = var.runners
  name           = "runner-${count.index}"
  image          = espalier_image.macos.name
  guest_metadata = { rack = lookup(data.espalier_host.build.labels, "rack", "none") }
}
output "digest"    { value = espalier_image.macos.status.digest }
output "addresses" { value = espalier_vm.runner[*].status.ip }
output "uids"      { value = espalier_vm.runner[*].uid }
"""

MOCKS = """
mock_resource "espalier_image" {
  defaults = { status = { digest = "sha256:from-a-file" } }
}
"""

TEST = """
mock_provider "espalier" {
  source = "./mocks"
  mock_resource "espalier_vm" {
    defaults = { status = { ip = "10.0.0.7" } }
  }
  override_data {
    target = data.espalier_host.build
    values = { labels = { rack = "a" } }
  }
}
variables { runners = 2 }
run "made_up_where_nothing_is_said" {
  assert {
    condition     = length(distinct(output.uids)) == 2
    error_message = "two VMs have two uids"
  }
  assert {
    condition     = output.digest == "sha256:from-a-file"
    error_message = "mocks come from files"
  }
  assert {
    condition     = join(" ", output.addresses) == "10.0.0.7 10.0.0.7"
    error_message = "what is computed is the mock's"
  }
  assert {
    condition     = espalier_vm.runner[0].guest_metadata.rack == "a"
    error_message = "data sources are overridden"
  }
  assert {
    condition     = espalier_vm.runner[1].name == "runner-1"
    error_message = "what is configured stays"
  }
}
run "planned" {
  command = plan
  variables { runners = 0 }
  assert {
    condition     = length(output.addresses) == 0
    error_message = "nothing runs"
  }
}
"""

OVERRIDE = """
mock_provider "espalier" {}
variables { runners = 0 }
run "overridden" {
  override_resource {
    target = espalier_image.macos
    values = { status = { digest = "sha256:overridden" } }
  }
  assert {
    condition     = output.digest == "sha256:overridden"
    error_message = "overrides win"
  }
}
"""


class MockTest(unittest.TestCase):
    def run_tests(self, module, ok):
        with Terraform() as terraform:
            terraform.write(module)
            self.write(terraform, "mocked.tftest.hcl", TEST)
            self.write(terraform, "overridden.tftest.hcl", OVERRIDE)
            self.write(terraform, "mocks/espalier.tfmock.hcl", MOCKS)
            return terraform.run("test", "-no-color", ok=ok)

    def test_point_64_modules_are_tested_without_an_engine(self):
        self.assertIn("3 passed, 0 failed", self.run_tests(MODULE, (0,)))

    def test_point_64_what_the_schema_forbids_is_found_in_a_mock_too(self):
        wrong = MODULE.replace('guest_metadata =', 'cpu = "many"\n  guest_metadata =')
        self.assertIn("a number is required", self.run_tests(wrong, (1,)))

    def write(self, terraform, name, text):
        path = os.path.join(terraform.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(text)


if __name__ == "__main__":
    unittest.main()
