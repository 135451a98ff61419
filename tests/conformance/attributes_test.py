"""Every attribute of every kind under the real Terraform: changed, given up, changed by somebody else, and said
although it need not be. What there is comes from the schemas: attributes.py."""
import json
import os
import unittest

from attributes import (BESIDE, OF_PROVIDER, UNTRIED, VALUES, at, attributes_below, attributes_of_kind, cases,
                        differing, is_settable, kinds, values, with_value)
from cases import CliCase
from objects import ObjectsCase, told_of


def settable(block, values):
    """The part of an object's values that its configuration decides."""
    if values is None:
        return None
    part = {}
    for name, told in block["attributes"].items():
        if not is_settable(told) or name not in values:
            continue
        part[name] = values[name]
        nested = told.get("nested_type")
        if nested and values[name] is not None:
            part[name] = ({key: settable(nested, one) for key, one in values[name].items()}
                          if nested["nesting_mode"] == "map" else settable(nested, values[name]))
    return part


def expected_change(case, before, after):
    """The paths that a plan has to change, and no others."""
    if case.secret:
        return {one.path for one in case.tries if one.path[-1] != "value_wo"}
    return differing(before, after)


def decided(stored):
    """What a configuration decides of an object as the engine has it."""
    metadata = stored["metadata"]
    return stored["spec"], {name: metadata[name] for name in ("labels", "annotations") if name in metadata}


def changed_paths(kind, change):
    """Where a plan changes what configurations decide."""
    block = told_of(kind)
    return differing(settable(block, change["before"]), settable(block, change["after"]))


class EveryAttributeCase(ObjectsCase):
    def prepare(self, of_kinds):
        super().prepare()
        self.cases = {f"espalier_{kind}.{case.name}": case for kind in of_kinds for case in cases(kind)}

    def configs(self, step):
        """The configuration of every case at this step; who has no more steps stays at its last."""
        return {address: case.steps[min(step, len(case.steps) - 1)] for address, case in self.cases.items()}

    def assert_holds(self, address, config, values):
        """Every value of a configuration is there."""
        case = self.cases[address]
        secrets = {one.path for one in case.tries} if case.secret else ()
        filled = json.loads(self.filled(json.dumps(config)))
        missing = {path for path in differing(filled, settable(told_of(case.kind), values))
                   if at(filled, path) not in (None, {}) and path not in secrets}
        self.assertEqual(missing, set(), address)

    def assert_changes(self, changes, before, after):
        """The plan changes what differs between two configurations and nothing else, in place where it can."""
        self.assertEqual(set(changes), {address for address in after if before[address] != after[address]})
        for address, change in changes.items():
            case = self.cases[address]
            with self.subTest(address=address):
                told = changed_paths(case.kind, change)
                expected = expected_change(case, before[address], after[address])
                self.assertEqual(told, expected)
                self.assertTrue(any(one.path[:len(path)] == path[:len(one.path)]
                                    for one in case.tries for path in told))
                self.assert_holds(address, after[address], change["after"])
                if case.replaces:
                    self.assertEqual(change["actions"], ["delete", "create"])
                    self.assertEqual(change["replace_paths"], [list(path) for path in sorted(expected)])
                else:
                    self.assertEqual(change["actions"], ["update"])
                    self.assertNotIn("replace_paths", change)
                    # Of what the engine decides, only what may follow from the change.
                    unknown = {name for name, is_unknown in change["after_unknown"].items() if is_unknown is True}
                    in_spec = {path[0] for path in expected} - {"labels", "annotations", *OF_PROVIDER}
                    self.assertLessEqual(unknown, {"status"} if in_spec else set())

    def apply(self, terraform, configs):
        """What the engine has of every object after an apply that leaves nothing to do."""
        terraform.write(self.body(configs))
        terraform.apply()
        terraform.assert_no_changes()
        return {address: self.stored(address, config) for address, config in configs.items()}

    def drift(self, address, config, stored):
        """Somebody else declares the object as it was stored before; of a secret, another one."""
        case = self.cases[address]
        spec = stored["spec"]
        if case.secret:
            spec = with_value(spec, case.secret, {"value": "a stranger's"})
        metadata = {"name": config["name"], **decided(stored)[1]}
        self.fleet.request("PUT", self.path(address, config) + "?override=test", {
            "apiVersion": "espalier/v1", "kind": stored["kind"], "metadata": metadata, "spec": spec})


class AttributesTest(EveryAttributeCase):
    HOSTS = 2

    def test_point_30_31_35_36_42_each_attribute_changes_alone(self):
        self.prepare(kind for kind in kinds() if kind != "cluster")
        terraform = self.terraform()
        first = self.configs(0)
        stored = [self.apply(terraform, first)]
        before = first
        # To one value, to another, and back to what was said, or not said, at first.
        for step in (1, 2, 0):
            after = self.configs(step)
            terraform.write(self.body(after))
            self.assert_changes(terraform.plan(), before, after)
            stored.append(self.apply(terraform, after))
            for address, one in stored[-1].items():
                replaced = before[address] != after[address] and self.cases[address].replaces
                self.assertEqual(one["metadata"]["uid"] != stored[-2][address]["metadata"]["uid"], replaced, address)
            before = after
        self.assertEqual({a: decided(one) for a, one in stored[-1].items()},
                         {a: decided(one) for a, one in stored[0].items()})

        # Now somebody else does what the first step did.
        drifted = {address: config for address, config in self.configs(1).items()
                   if not self.cases[address].is_identity}
        same = {address for address in drifted if decided(stored[0][address]) == decided(stored[1][address])}
        self.assertEqual(same, {address for address in drifted if self.cases[address].is_of_provider})
        for address in set(drifted) - same:
            self.drift(address, first[address], stored[1][address])
        self.assert_changes(terraform.plan(), {**first, **{a: drifted[a] for a in set(drifted) - same}}, first)
        mended = self.apply(terraform, first)
        for address, one in mended.items():
            self.assertEqual(decided(one), decided(stored[0][address]), address)

        # What need not be said can be said.
        said = {address: config for address, config in first.items() if self.cases[address].default is not None}
        self.assertIn("espalier_vm.cpu", said)
        terraform.write(self.body({**first, **{a: with_value(said[a], *self.cases[a].default) for a in said}}))
        terraform.assert_no_changes()
        # Of a secret, the seal alone says as much.
        sealed = {}
        for address, case in self.cases.items():
            if case.secret:
                seal = at(mended[address]["spec"], (*case.secret, "sealed"))
                self.assertRegex(seal, "^[0-9a-f]{32}$")
                sealed[address] = with_value(first[address], case.secret, {"sealed": seal})
        after = {**first, **sealed}
        terraform.write(self.body(after))
        self.assertEqual({address: changed_paths(self.cases[address].kind, change)
                          for address, change in terraform.plan().items()},
                         {address: {(*self.cases[address].secret, "value_wo_version")} for address in sealed})
        again = self.apply(terraform, after)
        self.assertEqual({a: decided(one) for a, one in again.items()}, {a: decided(one) for a, one in mended.items()})


class ClusterTest(EveryAttributeCase):
    """There is one cluster: its attributes change one after the other."""

    HOSTS = 0

    def test_point_30_35_42_each_attribute_of_the_cluster_changes_alone(self):
        address = "espalier_cluster.default"
        terraform = self.terraform()
        every = cases("cluster")
        before, together = {"name": "default"}, {}
        terraform.write(self.body({address: before}))
        terraform.apply()
        # Each is given up as the next one changes, and the last one in the end.
        for case in [*every, every[-1]]:
            after = case.steps[1] if case.steps[1] != before else {"name": "default"}
            terraform.write(self.body({address: after}))
            self.cases = {address: case}
            self.assert_changes(terraform.plan(), {address: before}, {address: after})
            terraform.run("apply", os.path.join(terraform.directory, "plan"))
            for path in differing(case.steps[0], case.steps[1]):
                together = with_value(together, path, at(case.steps[1], path))
            before = after
        terraform.assert_no_changes()

        first, together = {"name": "default"}, {"name": "default", **together}
        changed = self.apply(terraform, {address: together})[address]
        before = self.apply(terraform, {address: first})[address]
        self.drift(address, first, changed)
        (change,) = terraform.plan().values()
        self.assertEqual(changed_paths("cluster", change),
                         {path for path in differing(together, first) if path[0] not in OF_PROVIDER})
        self.assertEqual(decided(self.apply(terraform, {address: first})[address]), decided(before))


class UntriedTest(CliCase):
    def test_point_30_31_what_is_not_tried_cannot_be(self):
        self.assertEqual(set(UNTRIED), {"cluster.name"})
        body = 'resource "espalier_cluster" "a" {\n  name = "other"\n}\n'
        self.assertIn("default", self.terraform(body).fails("validate"))


class WrittenByHandTest(unittest.TestCase):
    def test_point_30_31_35_what_is_written_by_hand_is_of_attributes_that_are_there(self):
        names = [one.name for kind in kinds() for one in attributes_of_kind(kind)]
        for said in (*VALUES, *BESIDE, *UNTRIED, *(f".{name}" for name in OF_PROVIDER)):
            self.assertTrue([name for name in names if name == said or said[0] == "." and name.endswith(said)], said)

    def test_point_30_31_35_an_attribute_that_cannot_be_tried_is_named(self):
        rules = {"type": "object", "properties": {"odd": {"type": "string", "pattern": "^[!]$"}}}
        told = {"attributes": {"odd": {"type": "string", "optional": True, "description": "."}}}
        (odd,) = attributes_below("vm", told, rules)
        self.assertRaisesRegex(AssertionError, "vm.odd: no value to try it with", values, odd)


if __name__ == "__main__":
    unittest.main()
