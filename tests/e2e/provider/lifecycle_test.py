"""Objects under the real Terraform, with a real engine and simulated Macs."""
import json
import signal
import time
import unittest

from fleet import Fleet, wait_for
from terraform import Terraform

class LifecycleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = Fleet(hosts=3)

    @classmethod
    def tearDownClass(cls):
        cls.fleet.__exit__()

    def body(self, more=""):
        """A configuration of one VM."""
        return f"""
          resource "espalier_vm" "a" {{
            name  = "a"
            image = "{self.fleet.image}"
            {more}
          }}
          """

    def terraform(self, **more):
        terraform = Terraform(engine=self.fleet.engine, token=self.fleet.token, **more)

        def clean():
            try:
                terraform.destroy()
            finally:
                terraform.__exit__()

        self.addCleanup(clean)
        return terraform

    def test_every_kind_applies_and_then_plans_nothing(self):
        terraform = self.terraform()
        terraform.write("""
          resource "espalier_namespace" "ci" {
            name        = "ci"
            description = "builds"
          }
          resource "espalier_cluster" "this" {
            name               = "default"
            scheduling         = "pack"
            destruction_budget = { percent = 50 }
          }
          resource "espalier_host" "spare" {
            name        = "spare"
            macos_slots = 1
            labels      = { rack = "r1" }
          }
          resource "espalier_registry_credential" "r" {
            name     = "internal"
            registry = "registry.example:5000"
            username = "puller"
            password = { env = "REGISTRY_PASSWORD" }
          }
          resource "espalier_image" "sonoma" {
            name      = "sonoma"
            reference = "%s"
          }
          resource "espalier_image_cache" "all" {
            name   = "all"
            images = [espalier_image.sonoma.name]
            hosts  = ["mac-01", "mac-02"]
          }
          resource "espalier_git_source" "fleet" {
            name       = "fleet"
            repository = "/srv/none.git"
            namespaces = [espalier_namespace.ci.name]
          }
          resource "espalier_vm" "build" {
            name      = "build"
            namespace = espalier_namespace.ci.name
            image     = espalier_image.sonoma.reference
            cpu       = 4
            ports     = { http = { guest = 8080 } }
            labels    = { team = "ios" }
          }
          resource "espalier_vm_pool" "runners" {
            name     = "runners"
            replicas = 2
            template = { image = espalier_image.sonoma.reference, memory_mib = 2048 }
          }
          data "espalier_host" "first" { name = "mac-01" }
          output "ip"   { value = espalier_vm.build.status.ip }
          output "ssh"  { value = espalier_vm.build.status.ports["ssh"] }
          output "pull" { value = data.espalier_host.first.pull_mbps }
          """ % self.fleet.image)
        terraform.apply()
        terraform.assert_no_changes()
        build = terraform.state("espalier_vm.build")
        self.assertEqual(build["id"], "ci/build")
        self.assertIn(build["status"]["host"], ("mac-01", "mac-02", "mac-03"))
        outputs = json.loads(terraform.run("output", "-json"))
        self.assertGreaterEqual(outputs["ssh"]["value"], 8822)
        self.assertEqual(outputs["pull"]["value"], 0)
        # Everything imported is everything applied, with what the engine found out since.
        terraform.apply("-refresh-only")
        applied = terraform.state()
        managed = {a: r for a, r in applied.items() if r["mode"] == "managed"}
        terraform.run("state", "rm", *managed)
        for address, resource in managed.items():
            terraform.run("import", "-no-color", address, resource["values"]["id"])
        for address, resource in terraform.state().items():
            if resource["mode"] == "managed":
                self.assertEqual(resource["values"], applied[address]["values"], address)
        terraform.assert_no_changes()
        # The cluster's settings are given up, not deleted.
        terraform.destroy()
        cluster = self.fleet.request("GET", "clusters/default")
        self.assertNotIn("owner", cluster["metadata"])

    def test_each_attribute_changes_alone(self):
        updated = {
            "host": '"mac-01"', "host_labels": '{ rack = "a" }', "preferred_host_labels": '{ rack = "a" }',
            "ports": "{ web = { guest = 80 } }", "guest_metadata": '{ a = "b" }',
            "ttl_seconds": "86400", "restart": '"always"', "partition": '"keep"',
            "labels": '{ a = "b" }', "annotations": '{ note = "x" }',
            "timeouts": '{ create = "5m" }', "power": '"off"',
        }
        terraform = self.terraform()
        terraform.write(self.body())
        terraform.apply()
        uid = terraform.state("espalier_vm.a")["uid"]
        for name, value in updated.items():
            with self.subTest(attribute=name):
                terraform.write(self.body(f"{name} = {value}"))
                self.assertEqual(terraform.plan()["espalier_vm.a"]["actions"], ["update"])
                terraform.apply()
                terraform.assert_no_changes()
                self.assertEqual(terraform.state("espalier_vm.a")["uid"], uid)

    def test_each_immutable_attribute_replaces(self):
        for name, value in (("cpu", "2"), ("memory_mib", "2048"), ("disk_gib", "64"),
                            ("image", f'"{self.fleet.registry.address}/macos/ventura:13"'), ("name", '"b"'),
                            ("namespace", "espalier_namespace.n.name")):
            with self.subTest(attribute=name), \
                    Terraform(engine=self.fleet.engine, token=self.fleet.token) as terraform:
                try:
                    prepared = 'resource "espalier_namespace" "n" { name = "default2" }\n'
                    terraform.write(prepared + self.body())
                    terraform.apply()
                    before = terraform.state("espalier_vm.a")
                    changed = self.body()
                    if name in ("name", "image"):
                        old = f'"{before[name]}"'
                        changed = changed.replace(f"{name}  = {old}", f"{name}  = {value}").replace(
                            f"{name} = {old}", f"{name} = {value}")
                    else:
                        changed = self.body(f"{name} = {value}")
                    terraform.write(prepared + changed)
                    change = terraform.plan()["espalier_vm.a"]
                    self.assertEqual(change["actions"], ["delete", "create"])
                    self.assertEqual(change["replace_paths"], [[name]])
                    terraform.apply()
                    terraform.assert_no_changes()
                    self.assertNotEqual(terraform.state("espalier_vm.a")["uid"], before["uid"])
                finally:
                    terraform.destroy()

    def test_replaces_on_request_and_when_tainted(self):
        terraform = self.terraform()
        terraform.write(self.body())
        terraform.apply()
        first = terraform.state("espalier_vm.a")["uid"]
        terraform.apply("-replace=espalier_vm.a")
        second = terraform.state("espalier_vm.a")["uid"]
        self.assertNotEqual(first, second)
        terraform.run("taint", "espalier_vm.a")
        terraform.apply()
        self.assertNotEqual(second, terraform.state("espalier_vm.a")["uid"])
        terraform.assert_no_changes()

    def test_what_disappears_is_made_again(self):
        terraform = self.terraform()
        terraform.write(self.body())
        terraform.apply()
        self.fleet.delete_vm("a", "?override=test")
        self.assertEqual(terraform.plan()["espalier_vm.a"]["actions"], ["create"])
        terraform.apply()
        terraform.assert_no_changes()

    def test_says_at_plan_time_whose_object_it_is(self):
        terraform = self.terraform()
        self.fleet.put_vm("a", {"image": self.fleet.image, "power": "off"})
        self.addCleanup(self.fleet.delete_vm, "a")
        terraform.write(self.body())
        out = terraform.fails("plan")
        self.assertIn("api", out)
        self.assertIn("terraform e2e", out)
        out = terraform.fails("import", "espalier_vm.a", "default/a")
        self.assertIn("belongs to api", out)

    def test_two_configurations_of_one_instance_do_not_share_an_object(self):
        terraform, other = self.terraform(), self.terraform()
        terraform.write(self.body())
        terraform.apply()
        other.write(self.body())
        out = other.fails("plan")
        self.assertIn("import", out)
        self.assertIn("default/a", out)

    def test_a_timeout_says_why_and_keeps_the_uid(self):
        terraform = self.terraform()
        terraform.write(self.body('host_labels = { nowhere = "yes" }\n timeouts = { create = "3s" }'))
        out = terraform.fails("apply", "-auto-approve")
        self.assertIn("3s", out)
        self.assertIn("label", out)
        state = terraform.state()["espalier_vm.a"]
        self.assertTrue(state["tainted"])
        self.assertEqual(state["values"]["uid"], self.fleet.vm("a")["metadata"]["uid"])

    def test_an_interrupt_leaves_an_object_that_the_next_run_goes_on_with(self):
        terraform = self.terraform()
        terraform.write(self.body('host_labels = { late = "yes" }'))
        process = terraform.start("apply", "-auto-approve", "-no-color")
        try:
            wait_for(lambda: self.fleet.vm("a"), "the VM")
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=30)
        finally:
            process.kill()
        self.assertIn("Did not wait", out)
        state = terraform.state()["espalier_vm.a"]
        self.assertFalse(state.get("tainted", False))
        uid = self.fleet.vm("a")["metadata"]["uid"]
        self.assertEqual(state["values"]["uid"], uid)
        terraform.apply()
        self.assertEqual(self.fleet.vm("a")["metadata"]["uid"], uid)

    def test_shows_and_mends_drift(self):
        terraform = self.terraform()
        terraform.write(self.body())
        terraform.apply()
        self.fleet.put_vm("a", {"image": self.fleet.image, "ttl_seconds": 77}, "?override=test")
        change = terraform.plan()["espalier_vm.a"]
        self.assertEqual(change["actions"], ["update"])
        self.assertEqual(change["before"]["ttl_seconds"], 77)
        terraform.apply()
        terraform.assert_no_changes()

    def test_an_engine_that_is_away_is_an_error_and_nothing_is_forgotten(self):
        terraform = self.terraform()
        terraform.write(self.body())
        terraform.apply()
        engine = terraform.env["ESPALIER_ENGINE"]
        terraform.env["ESPALIER_ENGINE"] = "127.0.0.1:1"
        self.assertIn("did not answer", terraform.fails("plan"))
        terraform.env["ESPALIER_ENGINE"] = engine
        terraform.env["ESPALIER_TOKEN"] = "wrong"
        self.assertIn("token", terraform.fails("plan"))
        terraform.env["ESPALIER_TOKEN"] = self.fleet.token
        terraform.assert_no_changes()


if __name__ == "__main__":
    unittest.main()
