"""Whose an object is, under the real Terraform: conflicts at plan time, and taking over."""
import json
import tempfile
import unittest

from fleet import Fleet, wait_for
from terraform import Terraform


class OwnershipTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(hosts=1))

    def body(self):
        """A configuration of one VM."""
        return f"""
          resource "espalier_vm" "a" {{
            name  = "a"
            image = "{self.fleet.image}"
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

    def test_one_object_of_another_spoils_nothing_for_those_that_come_with_it(self):
        terraform = self.terraform()
        terraform.write(f"""
          resource "espalier_vm" "many" {{
            count = 12
            name  = "many-${{count.index}}"
            image = "{self.fleet.image}"
            power = "off"
          }}
          """)
        terraform.run("plan", "-out=plan")
        # Somebody is faster than the apply.
        self.fleet.put_vm("many-5", {"image": self.fleet.image, "power": "off"})
        self.addCleanup(self.fleet.delete_vm, "many-5")
        out = terraform.fails("apply", "plan")
        self.assertEqual(out.count("Error:"), 1, out)
        self.assertIn("vm default/many-5", out)
        made = {f"espalier_vm.many[{i}]" for i in range(12)} - {"espalier_vm.many[5]"}
        self.assertEqual(set(terraform.state()), made)
        # The others are as planned, and only that one is told of.
        out = terraform.fails("plan", "-no-color")
        self.assertEqual(out.count("Error:"), 1, out)
        self.assertIn("vm default/many-5", out)

    def test_what_was_made_by_hand_is_taken_over_when_asked(self):
        made = {"apiVersion": "espalier/v1", "kind": "Image", "metadata": {"name": "hand"},
                "spec": {"reference": self.fleet.image}}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(made, file)
            file.flush()
            self.fleet.espalier("apply", "-f", file.name)
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
