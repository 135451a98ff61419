"""No secret is where it could be read: core's log at its finest, the state, a saved plan, what is shown.
A secret is told from everything else by being a word that nothing else contains."""
import os
import pathlib
import tempfile
import unittest
import zipfile

from fleet import Fleet
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
FROM_VARIABLE = """
variable "token" {
  type      = string
  ephemeral = true
}
provider "espalier" { token = var.token }
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

    def test_a_token_of_the_environment(self):
        with Terraform(self.fleet.engine, self.fleet.token, CANARY_PASSWORD="canary-password") as terraform:
            terraform.write(RESOURCES % {"image": self.fleet.image})
            self.run_all(terraform, self.fleet.token)

    def test_a_token_of_the_configuration(self):
        with Terraform(self.fleet.engine, TF_VAR_token=self.fleet.token) as terraform:
            terraform.write(FROM_VARIABLE + RESOURCES % {"image": self.fleet.image})
            self.run_all(terraform, self.fleet.token)

    def test_a_token_that_the_run_itself_has_made(self):
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

    def test_a_token_that_is_refused(self):
        wrong = "canary-" + "0123456789" * 4
        with Terraform(self.fleet.engine, wrong) as terraform:
            terraform.write('data "espalier_vm" "a" { name = "a" }')
            self.run_all(terraform, wrong, ok=(1,))


if __name__ == "__main__":
    unittest.main()
