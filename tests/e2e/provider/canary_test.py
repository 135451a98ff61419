"""No secret is where it could be read: core's log at its finest, the state, a saved plan, what is shown.
A secret is told from everything else by being a word that nothing else contains."""
import os
import pathlib
import subprocess
import tempfile
import unittest
import zipfile

from fleet import Fleet
from plugin import BIN
from terraform import Terraform

RESOURCES = """
resource "espalier_vm" "a" {
  name  = "canary"
  image = "%(image)s"
}
resource "espalier_registry_credential" "a" {
  name     = "canary"
  registry = "registry.example"
  username = "robot"
  password = { env = "CANARY_PASSWORD" }
}
data "espalier_vm" "a" { name = espalier_vm.a.name }
"""
GIVEN = """
variable "password" {
  type      = string
  ephemeral = true
}
variable "version_of_password" { default = 1 }
variable "user" { default = "robot" }
resource "espalier_registry_credential" "given" {
  name     = "given"
  registry = "given.example"
  username = var.user
  password = {
    value_wo         = var.password
    value_wo_version = var.version_of_password
  }
}
data "espalier_registry_credential" "given" { name = espalier_registry_credential.given.name }
"""
FROM_VARIABLE = """
variable "token" {
  type      = string
  ephemeral = true
}
provider "espalier" { token = var.token }
"""

FOREIGN = """
apiVersion: espalier/v1
kind: RegistryCredential
metadata: {name: given}
spec: {registry: given.example, username: robot, password: {value: canary-theirs}}
"""

MADE = """
ephemeral "espalier_token" "a" { role = "viewer" }
resource "terraform_data" "told" {
  provisioner "local-exec" {
    command     = "printf %%s $TOKEN > %(told)s"
    environment = { TOKEN = ephemeral.espalier_token.a.token }
  }
}
"""


class CanaryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(hosts=1))

    def texts(self, terraform):
        """Whatever a run has left behind, by name; what is packed is unpacked."""
        for path in sorted(pathlib.Path(terraform.directory).rglob("*")):
            if not path.is_file():
                continue
            yield path.name, path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        yield f"{path.name}/{name}", archive.read(name)

    def run_all(self, terraform, secret, plan_arguments=(), ok=(0,)):
        """Plans, applies, refreshes, shows and destroys; asserts that the secret is nowhere."""
        log = os.path.join(terraform.directory, "core.log")
        more = {"TF_LOG": "TRACE", "TF_LOG_PATH": log}
        shown = [terraform.run("plan", "-no-color", "-out=saved", *plan_arguments, ok=ok, **more)]
        if ok == (0,):
            shown.append(terraform.run("apply", "-no-color", *plan_arguments, "saved", **more))
            shown.append(terraform.run("plan", "-no-color", *plan_arguments, **more))
            shown.append(terraform.run("show", "-json", **more))
            shown.append(terraform.run("show", "-json", "saved", **more))
            shown.append(terraform.destroy(*plan_arguments, **more))
        for text in shown:
            self.assertNotIn(secret, text)
        names = []
        for name, data in self.texts(terraform):
            names.append(name)
            self.assertNotIn(secret.encode(), data, name)
        # Were there no log of ours, or no state, it would be easy.
        self.assertIn("core.log", names)
        with open(log) as lines:
            self.assertIn("call answered" if ok == (0,) else "tf_rpc=ConfigureProvider", lines.read())
        if ok == (0,):
            self.assertIn("saved/tfplan", names)
            self.assertIn("terraform.tfstate", names)

    def test_point_55_a_token_of_the_environment(self):
        with Terraform(self.fleet.engine, self.fleet.token, CANARY_PASSWORD="canary-password") as terraform:
            terraform.write(RESOURCES % {"image": self.fleet.image})
            self.run_all(terraform, self.fleet.token)

    def test_point_55_a_secret_that_is_write_only(self):
        secret = "canary-" + "write-only" * 4
        with Terraform(self.fleet.engine, self.fleet.token, TF_VAR_password=secret) as terraform:
            terraform.write(GIVEN)
            self.run_all(terraform, secret)
            # Nor has the engine written it down anywhere.
            for name in pathlib.Path(self.fleet.directory).rglob("*"):
                if name.is_file():
                    self.assertNotIn(secret.encode(), name.read_bytes(), name)

    def seal(self):
        spec = self.fleet.request("GET", "registry_credentials/given")["spec"]
        self.assertEqual(list(spec["password"]), ["sealed"])
        return spec["password"]["sealed"]

    def test_point_55_a_write_only_secret_is_given_with_each_version(self):
        with Terraform(self.fleet.engine, self.fleet.token, TF_VAR_password="canary-first") as terraform:
            terraform.write(GIVEN)
            terraform.apply()
            first = self.seal()
            self.assertIn("No changes", terraform.run("plan", "-no-color"))
            # Another value alone is nothing that Terraform could see.
            self.assertIn("No changes", terraform.run("plan", "-no-color", TF_VAR_password="canary-second"))
            terraform.apply("-var=user=ana", TF_VAR_password="canary-second")
            self.assertEqual(self.seal(), first)
            changed = terraform.apply("-var=user=ana", "-var=version_of_password=2",
                                      TF_VAR_password="canary-second")
            self.assertIn("value_wo_version", changed)
            second = self.seal()
            self.assertNotEqual(second, first)
            # The engine tells the same by itself.
            terraform.apply("-var=user=ana", "-var=version_of_password=3", TF_VAR_password="canary-second")
            self.assertEqual(self.seal(), second)
            terraform.destroy()

    def test_point_55_somebody_elses_secret_is_seen_and_replaced(self):
        with Terraform(self.fleet.engine, self.fleet.token, TF_VAR_password="canary-ours") as terraform:
            terraform.write(GIVEN)
            terraform.apply()
            ours = self.seal()
            subprocess.run(
                [os.path.join(BIN, "espalier"), "--engine", self.fleet.engine, "--token-file",
                 self.fleet.token_file, "apply", "-f", "-", "--override", "--reason", "INC-1"],
                input=FOREIGN, text=True, check=True, capture_output=True)
            self.assertNotEqual(self.seal(), ours)
            self.assertIn("value_wo_version", terraform.run("plan", "-no-color", "-detailed-exitcode", ok=(2,)))
            terraform.apply()
            self.assertEqual(self.seal(), ours)
            terraform.destroy()

    def test_point_55_an_imported_secret_stays_and_can_be_given(self):
        with Terraform(self.fleet.engine, self.fleet.token, TF_VAR_password="canary-ours") as terraform:
            terraform.write(GIVEN)
            terraform.apply()
            ours = self.seal()
            terraform.run("state", "rm", "espalier_registry_credential.given")
            terraform.run("import", "-no-color", "espalier_registry_credential.given", "given")
            terraform.apply()
            self.assertEqual(self.seal(), ours)
            self.assertIn("No changes", terraform.run("plan", "-no-color"))
            terraform.destroy()

    def test_point_55_what_is_wrong_with_a_write_only_secret_is_said_at_its_place(self):
        with Terraform(self.fleet.engine, self.fleet.token) as terraform:
            terraform.write(GIVEN.replace("value_wo_version = var.version_of_password", ""))
            out = terraform.fails("plan", TF_VAR_password="canary-ours")
            self.assertIn("value_wo_version: is required with value_wo", out)

    def test_point_55_a_token_of_the_configuration(self):
        with Terraform(self.fleet.engine, TF_VAR_token=self.fleet.token) as terraform:
            terraform.write(FROM_VARIABLE + RESOURCES % {"image": self.fleet.image})
            self.run_all(terraform, self.fleet.token)

    def test_point_55_a_token_that_the_run_itself_has_made(self):
        with tempfile.TemporaryDirectory() as elsewhere, Terraform(self.fleet.engine, self.fleet.token) as terraform:
            told = os.path.join(elsewhere, "token")
            terraform.write(MADE % {"told": told})
            log = os.path.join(terraform.directory, "core.log")
            shown = terraform.apply(TF_LOG="TRACE", TF_LOG_PATH=log) + terraform.run("show", "-json")
            with open(told) as file:
                secret = file.read().strip()
            # Else nothing would be looked for.
            self.assertGreater(len(secret), 20)
            self.assertNotIn(secret, shown)
            for name, data in self.texts(terraform):
                self.assertNotIn(secret.encode(), data, name)

    def test_point_55_a_token_that_is_refused(self):
        wrong = "canary-" + "0123456789" * 4
        with Terraform(self.fleet.engine, wrong) as terraform:
            terraform.write('data "espalier_vm" "a" { name = "a" }')
            self.run_all(terraform, wrong, ok=(1,))


if __name__ == "__main__":
    unittest.main()
