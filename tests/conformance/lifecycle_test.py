"""The life of objects under the real Terraform, with a real engine and simulated Macs."""
import json
import os
import shutil
import unittest

from cases import CliCase
from fleet import wait_for


def namespace(more="", name="life"):
    return f'resource "espalier_namespace" "a" {{\n  name = "{name}"\n  {more}\n}}\n'


class LifecycleTest(CliCase):
    HOSTS = 2

    def test_point_29_every_kind_applies_and_then_plans_nothing(self):
        terraform = self.terraform("""
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
        self.assertIn(build["status"]["host"], ("mac-01", "mac-02"))
        outputs = json.loads(terraform.run("output", "-json"))
        self.assertGreaterEqual(outputs["ssh"]["value"], 8822)
        self.assertEqual(outputs["pull"]["value"], 0)
        # The cluster's settings are given up, not deleted.
        terraform.destroy()
        cluster = self.fleet.request("GET", "clusters/default")
        self.assertNotIn("owner", cluster["metadata"])

    def test_point_32_create_before_destroy(self):
        def body(name, more=""):
            return namespace(f"lifecycle {{ create_before_destroy = true }}\n  {more}", name)

        terraform = self.terraform(body("first"))
        terraform.apply()
        uid = terraform.state("espalier_namespace.a")["uid"]
        terraform.write(body("second"))
        terraform.apply()
        terraform.assert_no_changes()
        self.assertNotEqual(terraform.state("espalier_namespace.a")["uid"], uid)
        self.assertIsNone(self.fleet.request("GET", "namespaces/first"))
        kept = terraform.state("espalier_namespace.a")["uid"]
        out = terraform.fails("apply", "-auto-approve", "-replace=espalier_namespace.a")
        self.assertIn("create_before_destroy", out)
        self.assertEqual(self.fleet.request("GET", "namespaces/second")["metadata"]["uid"], kept)
        # What it advises works.
        terraform.write(body("third"))
        terraform.apply()
        terraform.assert_no_changes()
        self.assertIsNone(self.fleet.request("GET", "namespaces/second"))

    def test_point_33_what_is_destroyed_is_gone(self):
        terraform = self.terraform(self.vm())
        terraform.apply()
        self.assertIsNotNone(self.fleet.vm("a"))
        state = os.path.join(terraform.directory, "terraform.tfstate")
        shutil.copy(state, state + ".kept")
        terraform.destroy()
        self.assertIsNone(self.fleet.vm("a"))
        shutil.copy(state + ".kept", state)
        terraform.destroy("-refresh=false")
        self.assertEqual(terraform.state(), {})

    def test_point_34_what_disappears_is_made_again(self):
        terraform = self.terraform(self.vm())
        terraform.apply()
        self.fleet.delete_vm("a", "?override=test")
        self.assertEqual(terraform.plan()["espalier_vm.a"]["actions"], ["create"])
        terraform.apply()
        terraform.assert_no_changes()

    def test_point_36_another_spelling_is_no_drift(self):
        labels = {f"l{n}": str(n) for n in range(8)}
        text = ", ".join(f'{name} = "{value}"' for name, value in labels.items())
        terraform = self.terraform(self.vm(f'power = "off"\n guest_metadata = {{ {text} }}'))
        terraform.apply()
        # Defaults spelled out, and maps in another order.
        spec = self.fleet.vm("a")["spec"]
        spec["guest_metadata"] = dict(reversed(labels.items()))
        self.fleet.put_vm("a", {**spec, "ttl_seconds": 0, "disk_gib": 0}, "?override=test")
        terraform.assert_no_changes()
        text = ", ".join(f'{name} = "{value}"' for name, value in reversed(labels.items()))
        terraform.write(self.vm(f'power = "off"\n guest_metadata = {{ {text} }}\n cpu = 3\n ttl_seconds = 0'))
        terraform.assert_no_changes()

    def test_point_31_36_to_pin_the_image_that_runs_replaces_nothing(self):
        def body(image):
            return f'resource "espalier_vm" "a" {{\n  name  = "a"\n  image = "{image}"\n}}\n'

        terraform = self.terraform(body(self.fleet.image))
        terraform.apply()
        uid = self.fleet.vm("a")["metadata"]["uid"]
        digest = terraform.state("espalier_vm.a")["status"]["image_digest"]
        self.assertEqual(digest, self.fleet.vm("a")["status"]["placement"]["image_digest"])
        for image in (f"{self.fleet.image}@{digest}", self.fleet.image):
            terraform.write(body(image))
            self.assertEqual(terraform.plan()["espalier_vm.a"]["actions"], ["update"])
            terraform.apply()
            terraform.assert_no_changes()
            vm = self.fleet.vm("a")
            self.assertEqual((vm["metadata"]["uid"], vm["status"]["placement"]["attempt"]), (uid, 1))
            self.assertEqual(vm["spec"]["image"], image)
        terraform.write(body(f"{self.fleet.image}@sha256:{64 * 'a'}"))
        self.assertEqual(terraform.plan()["espalier_vm.a"]["actions"], ["delete", "create"])

    def test_point_37_an_engine_that_is_away_is_an_error_and_nothing_is_forgotten(self):
        terraform = self.terraform(namespace())
        terraform.apply()
        engine = terraform.env["ESPALIER_ENGINE"]
        terraform.env["ESPALIER_ENGINE"] = "127.0.0.1:1"
        self.assertIn("did not answer", terraform.fails("plan"))
        terraform.env["ESPALIER_ENGINE"] = engine
        terraform.env["ESPALIER_TOKEN"] = "wrong"
        self.assertIn("token", terraform.fails("plan"))
        terraform.env["ESPALIER_TOKEN"] = self.fleet.token
        terraform.assert_no_changes()

    def test_point_38_what_is_not_ready_in_time_is_in_state_and_replaced(self):
        terraform = self.terraform(self.vm('host_labels = { nowhere = "yes" }\n timeouts = { create = "2s" }'))
        out = terraform.fails("apply", "-auto-approve")
        self.assertIn("2s", out)
        self.assertIn("label", out)
        state = terraform.state()["espalier_vm.a"]
        self.assertTrue(state["tainted"])
        uid = self.fleet.vm("a")["metadata"]["uid"]
        self.assertEqual(state["values"]["uid"], uid)
        terraform.write(self.vm())
        self.assertEqual(terraform.plan()["espalier_vm.a"]["actions"], ["delete", "create"])
        terraform.apply()
        terraform.assert_no_changes()
        self.assertNotEqual(self.fleet.vm("a")["metadata"]["uid"], uid)

    def test_point_38_what_fails_half_way_is_in_state_and_the_rest_is_not_made(self):
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


class ChangesTest(CliCase):
    HOSTS = 2

    def test_point_39_what_was_updated_and_does_not_get_ready_is_in_state_and_the_rest_is_planned(self):
        terraform = self.terraform()

        def body(reference, text):
            return f"""
              resource "espalier_image" "a" {{
                name      = "a"
                reference = "{reference}"
                timeouts  = {{ update = "1s" }}
              }}
              resource "espalier_namespace" "beside" {{
                name        = "beside"
                description = "{text}"
              }}
              resource "espalier_namespace" "after" {{
                name        = "after"
                description = "{text}"
                depends_on  = [espalier_image.a]
              }}
              """

        terraform.write(body(self.fleet.image, "before"))
        terraform.apply()
        before = terraform.state()
        terraform.write(body("127.0.0.1:1/none/bad:1", "since"))
        out = terraform.fails("apply", "-auto-approve")
        self.assertIn("timeouts.update", out)
        self.assertIn("127.0.0.1:1", out)
        # What is in state is what the engine has, and the object is none to be thrown away.
        state = terraform.state()
        self.assertEqual(state["espalier_image.a"]["values"]["reference"], "127.0.0.1:1/none/bad:1")
        self.assertEqual(self.fleet.request("GET", "images/a")["spec"]["reference"], "127.0.0.1:1/none/bad:1")
        self.assertIsNone(state["espalier_image.a"]["values"]["status"]["digest"])
        self.assertEqual(state["espalier_image.a"]["values"]["uid"], before["espalier_image.a"]["values"]["uid"])
        self.assertFalse(state["espalier_image.a"].get("tainted", False))
        self.assertEqual(state["espalier_namespace.beside"]["values"]["description"], "since")
        self.assertEqual(state["espalier_namespace.after"], before["espalier_namespace.after"])
        plan = terraform.plan()
        self.assertEqual(set(plan), {"espalier_namespace.after"})
        self.assertEqual(plan["espalier_namespace.after"]["actions"], ["update"])
        terraform.write(body(self.fleet.image, "since"))
        terraform.apply()
        terraform.assert_no_changes()
        self.assertEqual(terraform.state("espalier_image.a")["uid"], before["espalier_image.a"]["values"]["uid"])

    def test_point_39_a_refused_update_leaves_what_was_and_is_planned_again(self):
        terraform = self.terraform(namespace('description = "before"'))
        terraform.apply()
        before = terraform.state()
        terraform.write(namespace('description = "since"'))
        planned = terraform.plan()
        saved = os.path.join(terraform.directory, "saved")
        terraform.run("plan", f"-out={saved}")
        self.assertIn("role", terraform.fails("apply", saved, ESPALIER_TOKEN=self.fleet.make_token("viewer")))
        self.assertEqual(terraform.state(), before)
        self.assertEqual(self.fleet.request("GET", "namespaces/life")["spec"]["description"], "before")
        self.assertEqual(terraform.plan(), planned)
        terraform.apply()
        terraform.assert_no_changes()

    def test_point_39_a_plan_that_is_out_of_date_changes_nothing(self):
        terraform = self.terraform(self.vm('power = "off"'))
        terraform.apply()
        before = terraform.state()
        terraform.write(self.vm('power = "off"\n labels = { team = "ios" }\n ttl_seconds = 60'))
        saved = os.path.join(terraform.directory, "saved")
        terraform.run("plan", f"-out={saved}")
        spec = self.fleet.vm("a")["spec"]
        self.fleet.put_vm("a", {**spec, "restart": "never"}, "?override=test")
        # The plan did not say that it takes this back.
        out = terraform.fails("apply", saved)
        self.assertIn("has changed since it was read", out)
        self.assertIn("plan", out.lower())
        self.assertEqual(terraform.state(), before)
        self.assertEqual(self.fleet.vm("a")["spec"]["restart"], "never")
        # Nor does one that was made without a look at the engine.
        self.assertIn("has changed since it was read", terraform.fails("apply", "-auto-approve", "-refresh=false"))
        change = terraform.plan()["espalier_vm.a"]
        self.assertEqual(change["actions"], ["update"])
        self.assertEqual((change["before"]["restart"], change["after"]["restart"]), ("never", "on_failure"))
        terraform.apply()
        terraform.assert_no_changes()
        # What only the engine writes makes no plan old.
        terraform.write(self.vm("ttl_seconds = 60"))
        terraform.run("plan", f"-out={saved}")
        revision = self.fleet.vm("a")["metadata"]["revision"]
        self.fleet.espalier("vm", "stop", "a", "--reason", "test")
        wait_for(lambda: self.fleet.vm("a")["metadata"]["revision"] != revision, "a newer revision")
        self.fleet.espalier("vm", "start", "a")
        terraform.run("apply", saved)
        terraform.assert_no_changes()

    def test_point_40_what_may_not_be_deleted_stays_in_state(self):
        terraform = self.terraform(namespace())
        terraform.apply()
        terraform.env["ESPALIER_TOKEN"] = self.fleet.make_token("viewer")
        out = terraform.fails("destroy", "-auto-approve")
        self.assertIn("role", out)
        terraform.env["ESPALIER_TOKEN"] = self.fleet.token
        self.assertIn("espalier_namespace.a", terraform.state())
        terraform.assert_no_changes()

    def test_point_42_only_what_may_change_is_unknown(self):
        terraform = self.terraform(self.vm())
        terraform.apply()
        for more, unknown in (('labels = { a = "b" }', set()), ('power = "off"', {"status"})):
            terraform.write(self.vm(more))
            change = terraform.plan()["espalier_vm.a"]
            self.assertEqual({n for n, u in change["after_unknown"].items() if u is True}, unknown)

    def test_point_27_43_values_may_be_known_late(self):
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
        self.assertEqual({change["actions"][0] for change in terraform.plan().values()}, {"create"})
        terraform.apply()
        terraform.assert_no_changes()
        vm = terraform.state("espalier_vm.late")
        self.assertEqual((vm["name"], vm["cpu"], vm["ttl_seconds"]), ("vm-x", 2, 0))
        self.assertRegex(vm["guest_metadata"]["digest"], "^sha256:")

    def test_point_44_what_users_ask_of_a_plan(self):
        def body(text, more="", name="a"):
            return (f'resource "espalier_namespace" "{name}" {{\n  name = "life-{name}"\n'
                    f'  description = "{text}"\n  {more}\n}}\n')

        def drift(text):
            self.fleet.request("PUT", "namespaces/life-a?override=test", {
                "apiVersion": "espalier/v1", "kind": "Namespace", "metadata": {"name": "life-a"},
                "spec": {"description": text}})

        terraform = self.terraform(body("one") + body("one", name="b"))
        terraform.apply()
        uid = terraform.state("espalier_namespace.a")["uid"]
        terraform.write(body("two", "lifecycle { ignore_changes = [description] }") + body("one", name="b"))
        terraform.assert_no_changes()
        terraform.write(body("two") + body("two", name="b"))
        terraform.apply("-target=espalier_namespace.b")
        self.assertEqual(set(terraform.plan()), {"espalier_namespace.a"})
        terraform.apply()
        drift("drifted")
        self.assertEqual(terraform.run("plan", "-refresh=false", "-detailed-exitcode", "-no-color", ok=(0,)).count(
            "espalier_namespace.a will be updated"), 0)
        terraform.apply("-refresh-only")
        self.assertEqual(terraform.state("espalier_namespace.a")["description"], "drifted")
        terraform.apply("-replace=espalier_namespace.a")
        terraform.assert_no_changes()
        second = terraform.state("espalier_namespace.a")["uid"]
        self.assertNotEqual(second, uid)
        terraform.run("taint", "espalier_namespace.a")
        terraform.apply()
        self.assertNotEqual(terraform.state("espalier_namespace.a")["uid"], second)

    def test_point_45_what_is_anothers_is_not_destroyed(self):
        terraform = self.terraform(namespace())
        terraform.apply()
        taker = self.terraform(namespace(), instance="taker")
        taker.run("import", "-no-color", "espalier_namespace.a", "life", ESPALIER_TRANSFER="true")
        taker.apply()
        out = terraform.fails("plan", "-destroy", "-refresh=false")
        self.assertIn("Cannot delete", out)
        self.assertIn("taker", out)
        taker.destroy()
        terraform.apply("-refresh-only")


if __name__ == "__main__":
    unittest.main()
