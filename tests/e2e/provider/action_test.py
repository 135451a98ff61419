"""Actions under a real Terraform that has them (1.14), with a real engine and simulated Macs."""
import unittest

from clis import at_least
from fleet import Fleet, wait_for
from terraform import Terraform

RESTART = """
  action "espalier_vm_restart" "a" {
    config {
      name   = "a"
      reason = "INC-7"
    }
  }
  """


class ActionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(hosts=2))

    def setUp(self):
        self.terraform = self.enterContext(Terraform(self.fleet.engine, self.fleet.token,
                                                     cli=at_least(1, 14)))

    def vm(self, name, host=None):
        """A VM that runs."""
        spec = {"image": self.fleet.image}
        self.fleet.put_vm(name, {**spec, "host": host} if host else spec)
        self.addCleanup(self.fleet.delete_vm, name)
        wait_for(lambda: self.placement(name).get("phase") == "running", f"VM {name} to run")

    def placement(self, name):
        return self.fleet.vm(name).get("status", {}).get("placement", {})

    def holds(self, kind_and_name):
        return self.fleet.request("GET", kind_and_name)["metadata"].get("holds", {})

    def invoke(self, address, **more):
        return self.terraform.run("apply", "-auto-approve", "-no-color", f"-invoke={address}", **more)

    def test_point_57_a_vm_is_restarted(self):
        self.vm("a")
        before = self.placement("a")
        self.terraform.write(RESTART)
        out = self.invoke("action.espalier_vm_restart.a")
        self.assertIn("is being stopped", out)
        self.assertIn("runs again", out)
        after = self.placement("a")
        self.assertEqual(after["attempt"], before["attempt"] + 1)
        self.assertEqual(after["host"], before["host"], "it goes on with its disk")
        self.assertEqual(self.holds("namespaces/default/vms/a"), {})

    def test_point_57_a_change_brings_it_about_and_a_failure_fails_the_apply(self):
        self.terraform.write(RESTART + """
          resource "terraform_data" "secret" {
            lifecycle {
              action_trigger {
                events  = [after_create]
                actions = [action.espalier_vm_restart.a]
              }
            }
          }
          """)
        self.assertIn("There is no such VM", self.terraform.fails("apply", "-auto-approve"))
        self.vm("a")
        self.terraform.run("destroy", "-auto-approve")
        self.terraform.apply()
        self.assertEqual(self.placement("a")["attempt"], 2)

    def test_point_57_a_host_is_drained(self):
        self.vm("a", host="mac-01")
        self.vm("b")
        self.fleet.put_vm("a", {"image": self.fleet.image})
        self.addCleanup(self.fleet.request, "GET", "hosts/mac-01")
        self.terraform.write("""
          action "espalier_host_drain" "one" {
            config {
              name         = "mac-01"
              reason       = "disk swap"
              hold_seconds = 1
            }
          }
          """)
        out = self.invoke("action.espalier_host_drain.one")
        self.assertIn("VMs have left", out)
        self.assertIn("host mac-01 is empty", out)
        wait_for(lambda: self.placement("a").get("host") == "mac-02", "VM a to move")
        wait_for(lambda: not self.holds("hosts/mac-01"), "the drain to end")

    def test_point_57_a_cache_is_refreshed(self):
        self.fleet.request("PUT", "image_caches/all", {
            "apiVersion": "espalier/v1", "kind": "ImageCache", "metadata": {"name": "all"},
            "spec": {"images": [self.fleet.image], "all_hosts": True}})
        self.addCleanup(self.fleet.request, "DELETE", "image_caches/all")
        self.terraform.write("""
          action "espalier_image_cache_refresh" "all" {
            config { name = "all" }
          }
          """)
        out = self.invoke("action.espalier_image_cache_refresh.all")
        self.assertIn("2 of 2 images are there", out)
        self.assertEqual(self.holds("image_caches/all"), {})

    def test_point_57_mistakes_are_found_before_anything_is_done(self):
        self.terraform.write("""
          action "espalier_host_drain" "one" {
            config {
              name    = "Mac_01"
              reason  = "disk swap"
              timeout = "soon"
            }
          }
          """)
        found = {p["summary"] for p in self.terraform.validate()["diagnostics"]}
        self.assertLessEqual({"Invalid name", "Invalid timeout"}, found)


if __name__ == "__main__":
    unittest.main()
