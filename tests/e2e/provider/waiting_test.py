"""What create waits for, under the real Terraform: wait_for of a VM, min_ready of a pool."""
import unittest

from fleet import Fleet
from terraform import Terraform


class WaitingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Room for two of macOS.
        cls.fleet = cls.enterClassContext(Fleet(hosts=1))

    def setUp(self):
        self.terraform = self.enterContext(Terraform(self.fleet.engine, self.fleet.token))
        self.addCleanup(self.terraform.destroy)

    def write_vm(self, more):
        self.terraform.write(f"""
          resource "espalier_vm" "a" {{
            name  = "a"
            image = "{self.fleet.image}"
            {more}
          }}
          """)

    def write_pool(self, replicas, more):
        self.terraform.write(f"""
          resource "espalier_vm_pool" "p" {{
            name     = "p"
            replicas = {replicas}
            template = {{ image = "{self.fleet.image}" }}
            {more}
          }}
          """)

    def test_a_vm_that_is_accepted_may_run_later(self):
        self.write_vm('wait_for = "accepted"\nhost = "mac-99"')
        self.terraform.apply()
        self.assertEqual(self.fleet.vm("a")["status"].get("placement", {}).get("phase", "pending"),
                         "pending")
        self.terraform.apply("-refresh-only")
        self.terraform.assert_no_changes()

    def test_a_vm_that_is_reachable_has_its_address(self):
        self.write_vm('wait_for = "reachable"')
        self.terraform.apply()
        status = self.terraform.state("espalier_vm.a")["status"]
        self.assertTrue(status["ip"])
        self.assertIn("ssh", status["ports"])
        uid = self.terraform.state("espalier_vm.a")["uid"]
        # What is waited for is the provider's own: the engine is not asked.
        generation = self.fleet.vm("a")["metadata"]["revision"]
        self.write_vm('wait_for = "running"')
        self.assertEqual(self.terraform.plan()["espalier_vm.a"]["actions"], ["update"])
        self.terraform.apply()
        self.assertEqual(self.terraform.state("espalier_vm.a")["uid"], uid)
        self.assertEqual(self.fleet.vm("a")["metadata"]["revision"], generation)
        self.terraform.assert_no_changes()

    def test_mistakes_have_their_attribute(self):
        self.write_vm('wait_for = "happy"')
        (problem,) = [p for p in self.terraform.validate()["diagnostics"] if p["severity"] == "error"]
        self.assertIn("running, reachable, accepted", problem["detail"])
        self.assertIn("wait_for", problem["snippet"]["code"])
        for value, text in {"3": "which is 2", "-1": "0 or more", "1.5": "whole number"}.items():
            self.write_pool(2, f"min_ready = {value}")
            (problem,) = [p for p in self.terraform.validate()["diagnostics"]
                          if p["severity"] == "error"]
            self.assertIn(text, problem["detail"])
            self.assertIn("min_ready", problem["snippet"]["code"])
        self.terraform.write("")

    def test_a_pool_is_there_when_enough_members_run(self):
        self.write_pool(2, "min_ready = 2")
        self.terraform.apply()
        pool = self.fleet.request("GET", "namespaces/default/vm_pools/p")
        self.assertEqual(pool["status"]["running"], 2)
        self.terraform.assert_no_changes()

    def test_missing_slots_are_a_warning_with_numbers(self):
        self.write_pool(5, "min_ready = 2")
        out = " ".join(self.terraform.apply().split())
        self.assertIn("Not enough room", out)
        self.assertIn("vm_pool default/p", out)
        self.assertRegex(out, r"5 wanted.*2 .*3 wait")
        self.terraform.assert_no_changes()

    def write_many(self, count, namespace='"default"'):
        self.terraform.write(f"""
          resource "espalier_namespace" "small" {{
            name  = "small"
            quota = {{ cpu = 6 }}
          }}
          resource "espalier_vm" "many" {{
            count     = {count}
            name      = "many-${{count.index}}"
            namespace = {namespace}
            image     = "{self.fleet.image}"
            cpu       = 2
            wait_for  = "accepted"
          }}
          """)

    def plan_text(self):
        return " ".join(self.terraform.run("plan", "-no-color").split())

    def test_a_plan_of_many_counts_them_together(self):
        # It tells that the image is one of macOS, of which there can be two.
        self.write_vm("")
        self.terraform.apply()
        # Each of them alone would fit.
        self.write_many(1)
        self.assertNotIn("Not enough room", self.plan_text())
        self.write_many(5)
        out = self.plan_text()
        self.assertEqual(out.count("Not enough room"), 1, "core shows them as one")
        self.assertRegex(out, r"[2-5] wanted, 1 slot: [1-4] waits?")

    def test_a_quota_is_said_by_the_plan_and_kept_by_the_apply(self):
        self.write_many(0)
        self.terraform.apply()
        self.write_many(5, "espalier_namespace.small.name")
        out = self.plan_text()
        self.assertIn("Quota exceeded", out)
        self.assertIn("namespace small has a quota of 6 cpu", out)
        error = self.terraform.fails("apply", "-auto-approve")
        self.assertIn("namespace small has a quota of 6 cpu; 6 are declared, and this makes it 8", error)
        made = self.fleet.request("GET", "namespaces/small/vms")["items"]
        self.assertEqual(len(made), 3)
        # Which three is chance, so some go while others are made: what goes makes room.
        self.write_many(3, "espalier_namespace.small.name")
        self.terraform.apply()
        self.terraform.assert_no_changes()

    def test_a_pool_that_does_not_come_up_says_how_far_it_is(self):
        self.write_pool(5, 'min_ready = 4\ntimeouts = { create = "8s" }')
        error = self.terraform.fails("apply", "-auto-approve")
        self.assertIn("2 of 5 members run; the others wait:", error)


if __name__ == "__main__":
    unittest.main()
