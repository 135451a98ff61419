"""What is the same for every kind: how objects end, how they are lost and found, and what is known of them beside
their attributes."""
import json
import os
import shutil
import unittest
from typing import NamedTuple

from cases import LONG, ROOT
from objects import BUILTIN, ObjectsCase, smallest_objects, state_file
from fleet import wait_for

FIXTURES = os.path.join(ROOT, "tests/fixtures/terraform_state")


class Failure(NamedTuple):
    """How an engine, or what stands before it, fails at a call, and what the user is told of it."""
    code: int  # Of gRPC.
    told: str
    retry_after_ms: int = 0


FAILURES = {
    "UNKNOWN": Failure(2, "its log says why"),
    "DEADLINE_EXCEEDED": Failure(4, "took too long"),
    "PERMISSION_DENIED": Failure(7, "role does not allow this"),
    "RESOURCE_EXHAUSTED": Failure(8, "a limit is reached"),
    "RESOURCE_EXHAUSTED, with a time to come again": Failure(8, "a limit is reached", 5000),
    "FAILED_PRECONDITION": Failure(9, "as the test says"),
    "ABORTED": Failure(10, "Somebody else has changed it"),
    "INTERNAL": Failure(13, "its log says why"),
    "UNAVAILABLE": Failure(14, "did not answer"),
    "UNAUTHENTICATED": Failure(16, "does not know this token"),
}


class EveryKindCase(ObjectsCase):
    HOSTS = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.configs = smallest_objects()

    def setUp(self):
        self.prepare()

    def made(self, **more):
        """A directory in which an object of every kind has been applied."""
        terraform = self.terraform(self.body(self.configs), **more)
        terraform.apply()
        self.assertEqual(set(terraform.state()), set(self.configs))
        return terraform

    def stored_uids(self):
        """The uid of every object that the engine has."""
        found = {address: self.stored(address, config) for address, config in self.configs.items()}
        return {address: one["metadata"]["uid"] for address, one in found.items() if one is not None}

    def assert_gone(self):
        """Seen from elsewhere; the cluster's settings are nobody's."""
        self.assertEqual(set(self.stored_uids()), {BUILTIN})
        self.assertNotIn("owner", self.stored(BUILTIN, self.configs[BUILTIN])["metadata"])


class EndTest(EveryKindCase):
    def test_point_33_an_object_of_every_kind_is_gone(self):
        terraform = self.made()
        self.assertEqual(set(self.stored_uids()), set(self.configs))
        path = os.path.join(terraform.directory, "terraform.tfstate")
        shutil.copy(path, path + ".kept")
        terraform.destroy()
        self.assert_gone()
        # Who did not hear of that asks for it again, whether it looks first or not.
        for refresh in ("true", "false"):
            shutil.copy(path + ".kept", path)
            terraform.destroy(f"-refresh={refresh}")
            self.assertEqual(terraform.state(), {})
            self.assert_gone()

    def test_point_34_an_object_of_every_kind_that_disappears_is_made_again(self):
        terraform = self.made()
        before = self.uids(terraform)
        for address, config in self.configs.items():
            self.fleet.request("DELETE", self.path(address, config) + "?override=test")
        # Of what is there from the beginning, nothing goes but its owner.
        wait_for(lambda: self.stored_uids() == {BUILTIN: before[BUILTIN]}, "all objects to go")
        lost = {address: ["create"] for address in self.configs if address != BUILTIN}
        self.assertEqual({address: change["actions"] for address, change in terraform.plan().items()}, lost)
        terraform.apply("-refresh-only")
        self.assertEqual(set(terraform.state()), {BUILTIN})
        self.assertEqual({address: change["actions"] for address, change in terraform.plan().items()}, lost)
        terraform.apply()
        terraform.assert_no_changes()
        after = self.uids(terraform)
        self.assertEqual(after, self.stored_uids())
        self.assertEqual({address for address in after if after[address] == before[address]}, {BUILTIN})

    def test_point_40_an_object_of_every_kind_stays_whatever_fails(self):
        faulty = self.fleet.start_faulty()
        self.addCleanup(self.fleet.end, "faulty_engine")
        terraform = self.made(engine=faulty, ESPALIER_REQUEST_TIMEOUT="1s")
        self.addCleanup(self.fleet.fail)
        _, before = state_file(terraform)
        uids = self.stored_uids()
        saved = os.path.join(terraform.directory, "saved")
        terraform.run("plan", "-destroy", f"-out={saved}")
        # A saved plan is for one state: were anything written, the next apply would refuse it.
        for name, failure in FAILURES.items():
            with self.subTest(name):
                # What is there from the beginning is given up, and not deleted.
                self.fleet.fail("Delete", "Apply", code=failure.code, text="as the test says",
                                retry_after_ms=failure.retry_after_ms)
                out = terraform.fails("apply", "-parallelism=20", saved)
                self.assertEqual(out.count("Error: Cannot delete"), len(self.configs), out)
                self.assertEqual(out.count(failure.told), len(self.configs), out)
                self.assertEqual(state_file(terraform)[1], before)
                self.assertEqual(self.stored_uids(), uids)
        self.fleet.fail()
        terraform.assert_no_changes()
        terraform.destroy()
        self.assert_gone()

    def test_point_40_what_cannot_be_seen_to_go_stays_in_state(self):
        faulty = self.fleet.start_faulty()
        self.addCleanup(self.fleet.end, "faulty_engine")
        terraform = self.made(engine=faulty)
        self.addCleanup(self.fleet.fail)
        _, before = state_file(terraform)
        # It is asked for, and then nobody says what comes of it.
        self.fleet.fail("Watch", code=FAILURES["PERMISSION_DENIED"].code, text="as the test says")
        out = terraform.fails("destroy", "-auto-approve")
        self.assertEqual(out.count("but it is not gone yet"), len(self.configs) - 1, out)
        self.assertEqual(state_file(terraform)[1], {a: one for a, one in before.items() if a != BUILTIN})
        self.fleet.fail()
        terraform.destroy()
        self.assertEqual(terraform.state(), {})
        self.assert_gone()


class FailureTest(EveryKindCase):
    def test_point_37_of_every_kind_a_failure_is_told_and_nothing_is_forgotten(self):
        faulty = self.fleet.start_faulty()
        self.addCleanup(self.fleet.end, "faulty_engine")
        terraform = self.made(engine=faulty, ESPALIER_REQUEST_TIMEOUT="1s")
        self.addCleanup(self.fleet.fail)
        _, before = state_file(terraform)
        # Everything is changed, and as much is new.
        changed = {address: {**config, "labels": {"a": "b"}} for address, config in self.configs.items()}
        new = {f"{address}_new": {**config, "name": "new"} for address, config in self.configs.items()
               if address != BUILTIN}
        terraform.write(self.body({**changed, **new}))
        saved = os.path.join(terraform.directory, "saved")
        uids = self.stored_uids()
        for name, failure in FAILURES.items():
            self.fleet.fail()
            terraform.run("plan", "-refresh=false", f"-out={saved}")
            for methods, command, told in (
                    (("Get", "List"), ("plan", "-parallelism=20"), {"read": len(changed)}),
                    (("Apply",), ("apply", "-parallelism=40", saved), {"update": len(changed), "create": len(new)})):
                with self.subTest(name, command=command[0]):
                    self.fleet.fail(*methods, code=failure.code, text="as the test says",
                                    retry_after_ms=failure.retry_after_ms)
                    out = terraform.fails(*command)
                    for what, count in told.items():
                        self.assertEqual(out.count(f"Error: Cannot {what}"), count, out)
                    self.assertEqual(out.count(failure.told), sum(told.values()), out)
                    self.assertEqual(state_file(terraform)[1], before)
                    self.assertEqual(self.stored_uids(), uids)
                    self.assertEqual({address for address, config in new.items() if self.stored(address, config)}, set())
        self.fleet.fail()
        self.assertTrue(all(change["actions"] in (["update"], ["create"]) for change in terraform.plan().values()))
        terraform.apply()
        terraform.assert_no_changes()


class PlanTest(EveryKindCase):
    def assert_always_the_same(self, terraform):
        path = os.path.join(terraform.directory, "plan")
        seen = set()
        for _ in range(100 if LONG else 5):
            terraform.run("plan", "-no-color", f"-out={path}")
            plan = json.loads(terraform.run("show", "-json", path))
            del plan["timestamp"]
            seen.add(json.dumps(plan))
        self.assertEqual(len(seen), 1)

    def test_point_46_plans_of_every_kind_are_the_same_each_time(self):
        terraform = self.terraform(self.body(self.configs))
        self.assert_always_the_same(terraform)
        terraform.apply()
        labels = {letter: str(number) for number, letter in enumerate("dbeac")}
        terraform.write(self.body({address: {**config, "labels": labels} for address, config in self.configs.items()}))
        self.assert_always_the_same(terraform)


class PrivateTest(EveryKindCase):
    def privates(self, terraform):
        """What the provider has Terraform keep for itself, by address; None where that is nothing."""
        return {address: instance.get("private") for address, instance in state_file(terraform)[1].items()}

    def made_older(self, terraform, version):
        """The state as a provider left it that had this version of its schemas and other attributes."""
        document, _ = state_file(terraform)
        for resource in document["resources"]:
            for instance in resource["instances"]:
                instance["schema_version"] = version
                del instance["attributes"]["id"]
                instance["attributes"]["of_old"] = "x"
        with open(os.path.join(terraform.directory, "terraform.tfstate"), "w") as file:
            json.dump(document, file)

    def assert_survives(self, terraform):
        """Private data is the same after a refresh, and after the state of every released version was upgraded."""
        before = self.privates(terraform)
        terraform.apply("-refresh-only")
        self.assertEqual(self.privates(terraform), before)
        for version in sorted(int(name.removeprefix("v")) for name in os.listdir(FIXTURES)):
            self.made_older(terraform, version)
            self.assertEqual(self.privates(terraform), before)
            terraform.apply("-refresh-only")
            for address, instance in state_file(terraform)[1].items():
                self.assertIn("id", instance["attributes"], address)
                self.assertNotIn("of_old", instance["attributes"], address)
            self.assertEqual(self.privates(terraform), before)

    def test_point_41_of_every_kind_it_survives_import_refresh_and_upgrade(self):
        self.assert_survives(self.made(instance="maker"))
        terraform = self.terraform(self.body(self.configs), ESPALIER_TRANSFER="true")
        for address, config in self.configs.items():
            terraform.run("import", "-no-color", address, self.import_id(address, config))
        # That they are to be taken over stands there and nowhere else.
        self.assertNotIn(None, self.privates(terraform).values())
        self.assert_survives(terraform)
        taken_over = {address: ["update"] for address in self.configs}
        self.assertEqual({address: change["actions"] for address, change in terraform.plan().items()}, taken_over)
        terraform.apply()
        terraform.assert_no_changes()
        self.assert_survives(terraform)
        terraform.assert_no_changes()

    def test_point_41_of_every_kind_it_survives_an_import_block(self):
        self.made(instance="maker")
        blocks = "".join(f'import {{\n  to = {address}\n  id = "{self.import_id(address, config)}"\n}}\n'
                         for address, config in self.configs.items())
        terraform = self.terraform(self.body(self.configs) + blocks, ESPALIER_TRANSFER="true")
        plan = terraform.plan()
        self.assertEqual({address: change["actions"] for address, change in plan.items()},
                         {address: ["update"] for address in self.configs})
        self.assertTrue(all("importing" in change for change in plan.values()))
        terraform.apply()
        terraform.assert_no_changes()
        self.assert_survives(terraform)


if __name__ == "__main__":
    unittest.main()
