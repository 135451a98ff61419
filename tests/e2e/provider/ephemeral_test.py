"""Ephemeral resources under the real Terraform: what they give works while it runs, is written
nowhere, and is gone afterwards."""
import json
import os
import unittest
import urllib.error
import urllib.request
import zipfile

from fleet import Fleet
from terraform import Terraform

# Run by Terraform: keeps the token where the test finds it, and uses it.
USE_TOKEN = """
import os, urllib.request
open(os.environ["SEEN"], "w").write(os.environ["TOKEN"])
urllib.request.urlopen(urllib.request.Request(
    "http://" + os.environ["HTTP"] + "/api/v1/hosts",
    headers={"Authorization": "Bearer " + os.environ["TOKEN"]}), timeout=10).read()
"""


class EphemeralTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(hosts=1))

    def setUp(self):
        self.terraform = self.enterContext(Terraform(engine=self.fleet.engine,
                                                     token=self.fleet.token))
        with open(self.path("use_token.py"), "w") as script:
            script.write(USE_TOKEN)

    def path(self, name):
        return os.path.join(self.terraform.directory, name)

    def tokens(self):
        """The subjects of all tokens that stand."""
        told = self.fleet.espalier("token", "list", "-o", "json")
        return [token["subject"] for token in json.loads(told)["items"]]

    def status_with(self, token):
        request = urllib.request.Request(f"http://{self.fleet.http}/api/v1/hosts",
                                         headers={"Authorization": "Bearer " + token})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def using_token(self, then=""):
        return f"""
          ephemeral "espalier_token" "t" {{
            role    = "viewer"
            subject = "canary"
          }}
          resource "terraform_data" "use" {{
            provisioner "local-exec" {{
              command     = "python3 use_token.py{then}"
              environment = {{
                TOKEN = ephemeral.espalier_token.t.token
                HTTP  = "{self.fleet.http}"
                SEEN  = "{self.path('seen')}"
              }}
            }}
          }}
          """

    def seen(self):
        with open(self.path("seen")) as seen:
            return seen.read()

    def test_point_54_a_token_works_while_it_is_needed_and_is_written_nowhere(self):
        log = self.path("trace.log")
        self.terraform.write(self.using_token())
        self.terraform.run("plan", "-out=plan", TF_LOG="trace", TF_LOG_PATH=log)
        self.assertNotIn("canary", self.tokens(), "the plan's own is closed")
        self.terraform.run("apply", "plan", TF_LOG="trace", TF_LOG_PATH=log)
        token = self.seen()
        self.assertTrue(token.startswith("esp_"))
        self.assertNotIn("canary", self.tokens())
        self.assertEqual(self.status_with(token), 401)
        self.assertEqual(self.status_with(self.fleet.token), 200)
        secret = token.split("_")[2]
        with zipfile.ZipFile(self.path("plan")) as plan:
            for name in plan.namelist():
                self.assertNotIn(secret.encode(), plan.read(name), name)
        for name in ("terraform.tfstate", "trace.log"):
            with open(self.path(name), "rb") as written:
                self.assertNotIn(secret.encode(), written.read(), name)
        # The log did have something to say.
        with open(log) as written:
            text = written.read()
        self.assertIn("OpenEphemeralResource", text)
        self.assertIn("CloseEphemeralResource", text)
        self.terraform.assert_no_changes()

    def test_point_54_a_token_is_revoked_after_a_failure_too(self):
        # Core does not close it then: the provider does when it ends.
        self.terraform.write(self.using_token(then=" && false"))
        self.terraform.fails("apply", "-auto-approve")
        self.assertEqual(self.status_with(self.seen()), 401)
        self.assertNotIn("canary", self.tokens())

    def test_point_54_what_the_engine_refuses_is_told(self):
        self.terraform.write('ephemeral "espalier_token" "t" { role = "agent" }')
        self.assertIn("needs its host", self.terraform.fails("plan"))
        self.terraform.write('ephemeral "espalier_token" "t" { role = "root" }')
        problems = self.terraform.validate()["diagnostics"]
        self.assertIn("Invalid role", [p["summary"] for p in problems])

    def test_point_54_a_connection_is_asked_for_once_the_vm_is_there(self):
        self.addCleanup(self.terraform.destroy)
        self.terraform.write(f"""
          resource "espalier_vm" "a" {{
            name  = "a"
            image = "{self.fleet.image}"
          }}
          ephemeral "espalier_vm_connection" "a" {{
            name = espalier_vm.a.name
            uid  = espalier_vm.a.uid
          }}
          resource "terraform_data" "use" {{
            provisioner "local-exec" {{
              command     = "echo $ADDRESS $PORT > seen"
              environment = {{
                ADDRESS = ephemeral.espalier_vm_connection.a.address
                PORT    = ephemeral.espalier_vm_connection.a.ssh_port
              }}
            }}
          }}
          """)
        self.terraform.apply()
        status = self.fleet.vm("a")["status"]["observed"]
        self.assertEqual(self.seen().split(), [status["ip"], str(status["ports"]["ssh"])])
        self.terraform.assert_no_changes()
        self.assertEqual(set(self.terraform.state()), {"espalier_vm.a", "terraform_data.use"})

    def test_point_54_a_connection_that_does_not_come_says_why(self):
        self.terraform.write("""
          ephemeral "espalier_vm_connection" "a" {
            name    = "a"
            timeout = "1s"
          }
          """)
        self.assertIn("There is no such VM", self.terraform.fails("plan"))
        self.fleet.put_vm("a", {"image": self.fleet.image, "host": "mac-99"})
        self.addCleanup(self.fleet.delete_vm, "a")
        error = self.terraform.fails("plan")
        self.assertIn("not reachable after 1s", error)
        self.assertIn("mac-99", error)


if __name__ == "__main__":
    unittest.main()
