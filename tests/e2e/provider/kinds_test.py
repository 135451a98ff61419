"""Every kind beside the VM under the real Terraform, values that are known late, and owners that change."""
import json
import os
import subprocess
import tempfile
import unittest

from fleet import Fleet, wait_for
from plugin import BIN
from terraform import Terraform

# What is declared first, and one value after the other that is changed alone.
KINDS = {
    "namespace": ({}, {"description": '"builds"', "labels": '{ a = "b" }', "annotations": '{ note = "x" }'}),
    "cluster": ({"name": '"default"'}, {
        "scheduling": '"pack"', "host_lease_seconds": "25", "run_lease_seconds": "35",
        "drift_policy": '"correct"', "destruction_budget": "{ percent = 30, objects = 4 }"}),
    "host": ({}, {"macos_slots": "1", "pull_mbps": "800", "cache_gib": "200", "drain_on_destroy": "true",
                  "labels": '{ rack = "r1" }'}),
    "image": ({"reference": '"@REGISTRY@/macos/one:1"'}, {
        "reference": '"@REGISTRY@/macos/two:2"', "digest": '"@DIGEST@"'}),
    "image_cache": ({"images": '["@REGISTRY@/macos/one:1"]', "hosts": '["nowhere"]'}, {
        "images": '["@REGISTRY@/macos/one:1", "@REGISTRY@/macos/two:2"]', "hosts": '["nowhere", "either"]',
        "pin": "false"}),
    "git_source": ({"repository": '"/srv/none.git"'}, {
        "repository": '"/srv/other.git"', "ref": '"release"', "path": '"fleet"', "poll_seconds": "60",
        "namespaces": '["ci"]', "kinds": '["vm"]', "prune": "false", "drift_policy": '"correct"',
        "on_delete": '"prune"', "username": '"robot"', "destruction_budget": "{ percent = 40 }"}),
    "registry_credential": ({"registry": '"registry.example"', "username": '"puller"',
                             "password": '{ env = "ONE" }'}, {
        "registry": '"other.example"', "username": '"robot"', "password": '{ file = "two" }'}),
    "vm_pool": ({"replicas": "0", "template": '{ image = "none" }'}, {
        "replicas": "1", "template": '{ image = "none", cpu = 2 }', "max_unavailable": "2"}),
}


class KindsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(hosts=1)

    @classmethod
    def tearDownClass(cls):
        cls.fleet.__exit__()

    def terraform(self, **more):
        terraform = Terraform(engine=self.fleet.engine, token=self.fleet.token, **more)

        def clean():
            try:
                terraform.destroy()
            finally:
                terraform.__exit__()

        self.addCleanup(clean)
        return terraform

    def configuration(self, step, digest):
        """All kinds, with the `step`-th of each one's values changed; what changes."""
        body, changed = "", {}
        for kind, (first, more) in KINDS.items():
            values = {"name": '"x"', **first}
            if 0 <= step < len(more):
                name = list(more)[step]
                values[name] = more[name]
                changed[f"espalier_{kind}.x"] = name
            lines = "".join(f"  {name} = {value}\n" for name, value in values.items())
            body += f'resource "espalier_{kind}" "x" {{\n{lines}}}\n'
        return body.replace("@REGISTRY@", self.fleet.registry.address).replace("@DIGEST@", digest), changed

    def test_each_attribute_changes_alone(self):
        terraform = self.terraform()
        terraform.write(self.configuration(-1, "")[0])
        terraform.apply()
        terraform.assert_no_changes()
        uids = {address: resource["values"]["uid"] for address, resource in terraform.state().items()}
        digest = terraform.state("espalier_image.x")["status"]["digest"]
        self.assertRegex(digest, "^sha256:[0-9a-f]{64}$")
        for step in range(max(len(more) for _, more in KINDS.values())):
            body, changed = self.configuration(step, digest)
            with self.subTest(changed=changed):
                # From the first values each time: a change is alone.
                terraform.write(self.configuration(-1, "")[0])
                terraform.apply()
                terraform.write(body)
                plan = terraform.plan()
                self.assertEqual({a: change["actions"] for a, change in plan.items()},
                                 {address: ["update"] for address in changed})
                for address, name in changed.items():
                    before, after = plan[address]["before"], plan[address]["after"]
                    spec = {n for n in after if n != "status" and before.get(n) != after[n]}
                    self.assertEqual(spec, {name}, address)
                terraform.apply()
                terraform.assert_no_changes()
        self.assertEqual(uids, {address: resource["values"]["uid"]
                                for address, resource in terraform.state().items()})

    def test_values_may_be_known_late(self):
        terraform = self.terraform()
        terraform.write(f"""
          resource "terraform_data" "late" {{ input = "x" }}
          locals {{ late = terraform_data.late.output }}
          resource "espalier_image" "late" {{
            name      = "late-${{local.late}}"
            reference = "{self.fleet.registry.address}/macos/${{local.late}}:1"
          }}
          resource "espalier_vm" "late" {{
            name           = "vm-${{local.late}}"
            image          = espalier_image.late.name
            cpu            = length(local.late) + 1
            labels         = {{ team = local.late }}
            guest_metadata = local.late == "x" ? {{ digest = espalier_image.late.status.digest }} : null
            ports          = {{ http = {{ guest = length(local.late) + 79 }} }}
            ttl_seconds    = local.late == "x" ? null : 60
          }}
          """)
        terraform.apply()
        terraform.assert_no_changes()
        vm = terraform.state("espalier_vm.late")
        self.assertEqual((vm["name"], vm["cpu"], vm["ttl_seconds"]), ("vm-x", 2, 0))
        self.assertRegex(vm["guest_metadata"]["digest"], "^sha256:")

    def test_what_fails_half_way_is_in_state_and_the_rest_is_not_made(self):
        terraform = self.terraform()
        terraform.write(f"""
          resource "espalier_image" "bad" {{
            name      = "bad"
            reference = "127.0.0.1:1/none/bad:1"
            timeouts  = {{ create = "3s" }}
          }}
          resource "espalier_image" "good" {{
            name      = "good"
            reference = "{self.fleet.image}"
          }}
          resource "espalier_namespace" "after" {{
            name       = "after"
            depends_on = [espalier_image.bad]
          }}
          """)
        out = terraform.fails("apply", "-auto-approve")
        self.assertIn("Its digest is not known", out)
        self.assertIn("127.0.0.1:1", out)
        state = terraform.state()
        self.assertEqual(set(state), {"espalier_image.bad", "espalier_image.good"})
        self.assertTrue(state["espalier_image.bad"]["tainted"])
        self.assertEqual(state["espalier_image.bad"]["values"]["uid"],
                         self.fleet.request("GET", "images/bad")["metadata"]["uid"])

    def test_an_update_that_does_not_get_ready_says_why(self):
        terraform = self.terraform()

        def image(reference):
            terraform.write(f"""
              resource "espalier_image" "a" {{
                name      = "a"
                reference = "{reference}"
                timeouts  = {{ update = "2s" }}
              }}
              """)

        image(self.fleet.image)
        terraform.apply()
        image("127.0.0.1:1/none/bad:1")
        out = terraform.fails("apply", "-auto-approve")
        self.assertIn("timeouts.update", out)
        self.assertIn("127.0.0.1:1", out)
        image(self.fleet.image)
        terraform.apply()
        terraform.assert_no_changes()

    def test_what_was_made_by_hand_is_taken_over_when_asked(self):
        made = {"apiVersion": "espalier/v1", "kind": "Image", "metadata": {"name": "hand"},
                "spec": {"reference": self.fleet.image}}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(made, file)
            file.flush()
            subprocess.run([os.path.join(BIN, "espalier"), "--engine", self.fleet.engine, "--token-file",
                            self.fleet.token_file, "apply", "-f", file.name], check=True,
                           capture_output=True)
        wait_for(lambda: "digest" in self.fleet.request("GET", "images/hand").get("status", {}),
                 "the digest")
        body = f"""
          resource "espalier_image" "hand" {{
            name      = "hand"
            reference = "{self.fleet.image}"
          }}
          """
        terraform = self.terraform()
        terraform.write(body)
        out = terraform.fails("plan")
        self.assertIn("cli", out)
        self.assertIn("terraform e2e", out)
        out = terraform.fails("import", "espalier_image.hand", "hand")
        self.assertIn("belongs to cli", out)
        self.assertIn("transfer = true", out)
        terraform.run("import", "-no-color", "espalier_image.hand", "hand", ESPALIER_TRANSFER="true")
        imported = terraform.state("espalier_image.hand")
        # The wish was said at import, and needs not be said again.
        self.assertEqual(terraform.plan()["espalier_image.hand"]["actions"], ["update"])
        self.assertEqual(self.fleet.request("GET", "images/hand")["metadata"]["owner"]["manager"], "cli")
        terraform.apply()
        terraform.assert_no_changes()
        self.assertEqual(terraform.state("espalier_image.hand"), imported)
        owner = self.fleet.request("GET", "images/hand")["metadata"]["owner"]
        self.assertEqual((owner["manager"], owner["instance"]), ("terraform", "e2e"))


if __name__ == "__main__":
    unittest.main()
