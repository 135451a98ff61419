"""Configurations that try every attribute of every kind, made from the schemas: from the provider's what there
is, from the kind's JSON Schema what it may hold. A new attribute is tried without anybody thinking of it; where
the schemas say too little to make a value, making the cases fails and names it."""
import functools
import json
import os
import re
from typing import NamedTuple

from cases import ROOT, golden_schema

# What an object of a kind has besides its name in all of its cases, so that nothing waits for a Mac.
LEAST = {
    "image": {"reference": "@REGISTRY@/macos/sonoma:1"},
    "vm": {"power": "off"},
    "vm_pool": {"replicas": 0},
}

# Values of attributes of which the schemas do not say enough, by kind and path; without the kind for all that
# end so.
VALUES = {
    "git_source.after": [["one"], ["one", "two"]],
    "git_source.ignore.fields": [["spec.cpu"], ["spec.cpu", "spec.ttl_seconds"]],
    "git_source.ignore.kinds": [["vm"], ["vm", "image"]],
    "git_source.kinds": [["vm"], ["vm", "image"]],
    "git_source.tags.range": [">=1.2", ">=1.3"],
    "git_source.windows.days": [["mon"], ["mon", "tue"]],
    "git_source.windows.time_zone": ["Europe/Berlin", "Europe/Paris"],
    "image.digest": ["@DIGEST@"],
    "image.reference": ["@REGISTRY@/macos/sonoma:1", "@REGISTRY@/macos/sonoma:2"],
    "image.wait_for": ["resolved", "accepted"],
    "vm.image": ["@REGISTRY@/macos/sonoma:1", "@REGISTRY@/macos/sonoma:2"],
    "vm.ttl_seconds": [86400, 90000],
    "vm.wait_for": ["running", "accepted"],
    ".labels": [{"a": "b"}, {"a": "c"}],
    ".annotations": [{"a": "b"}, {"a": "c"}],
    ".name": ["another"],
    ".min_ready": [0],
    ".timeouts.create": ["5m", "6m"],
    ".timeouts.delete": ["5m", "6m"],
    ".timeouts.update": ["5m", "6m"],
    ".value_wo_version": [1, 2],
}

# What an attribute needs beside it; None: what has to be left out. Some VMs run while they are changed.
BESIDE = {
    "vm.restart": {"power": None},
    "vm.ttl_seconds": {"power": None},
}

# What is not tried, and why. Tests see to it that the reason still holds.
UNTRIED = {"cluster.name": "there is one cluster, and its name is default"}

# What the provider keeps for itself: nobody else can change it.
OF_PROVIDER = ("timeouts", "wait_for", "min_ready")

# Texts of every form that a pattern of ours asks for; the first two that fit are an attribute's values.
TEXTS = ["one", "two", "ONE", "TWO", "a" * 40, "b" * 40, "2026-01-31", "2026-02-28", "22:30", "23:45"]


class Attribute(NamedTuple):
    kind: str
    path: tuple  # Names; "k" is the key of a map of objects.
    told: dict   # What the provider tells of it.
    rules: dict  # What the JSON Schema says; empty for what the provider adds.

    @property
    def name(self):
        """As it is spoken of: vm.ports.guest."""
        return ".".join([self.kind, *(part for part in self.path if part != "k")])

    @property
    def replaces(self):
        return "A change replaces the object." in self.told["description"]


class Case(NamedTuple):
    """An object's configurations, one after the other; each differs from the one before in one attribute, or
    in two of which one has to be left out for the other."""
    kind: str
    name: str
    tries: tuple  # Attributes.
    steps: tuple

    @property
    def replaces(self):
        return any(one.replaces for one in self.tries)

    @property
    def secret(self):
        """The path of the object that holds the secret which is tried; None if it is something else."""
        path = self.tries[0].path
        return path[:-1] if path[-1] == "value_wo" else None

    @property
    def is_of_provider(self):
        return all(one.path[0] in OF_PROVIDER for one in self.tries)

    @property
    def is_identity(self):
        """Whether another value makes it another object."""
        return self.tries[0].path in (("name",), ("namespace",))

    @property
    def default(self):
        """Path and value of what counts because the first step says nothing; None if there is no such thing."""
        path = self.tries[0].path
        value = "default" if path == ("namespace",) else self.tries[0].rules.get("default")
        return None if value is None or at(self.steps[0], path) is not None else (path, value)


@functools.lru_cache(maxsize=None)
def rules_of(kind):
    with open(os.path.join(ROOT, f"schemas/json/{kind}.json")) as file:
        return json.load(file)


def resolved(kind, rules):
    """The rules behind a reference."""
    while "$ref" in rules:
        rules = rules_of(kind)["$defs"][rules["$ref"].rpartition("/")[2]]
    return rules


def spec_rules(kind):
    schema = rules_of(kind)
    return resolved(kind, schema["properties"]["spec"])


def is_settable(told):
    return bool(told.get("required") or told.get("optional"))


def attributes_below(kind, block, rules, path=()):
    """Every attribute below a block that a configuration can set, objects before what they hold."""
    for name, told in sorted(block.get("attributes", {}).items()):
        if not is_settable(told):
            continue
        own = rules.get("properties", {}).get("value" if name == "value_wo" else name, {})
        attribute = Attribute(kind, (*path, name), told, own)
        yield attribute
        if "nested_type" in told:
            yield from attributes_below(kind, told["nested_type"], inner_rules(attribute), inner_path(attribute))


def inner_path(attribute):
    mode = attribute.told["nested_type"]["nesting_mode"]
    if mode not in ("single", "map"):
        raise AssertionError(f"{attribute.name}: nobody knows how to try a {mode} of objects")
    return (*attribute.path, "k") if mode == "map" else attribute.path


def inner_rules(attribute):
    rules = resolved(attribute.kind, attribute.rules)
    if attribute.told["nested_type"]["nesting_mode"] == "map":
        rules = resolved(attribute.kind, rules.get("additionalProperties", {}))
    return rules


def attributes_of_kind(kind):
    block = golden_schema()["resource_schemas"][f"espalier_{kind}"]["block"]
    return list(attributes_below(kind, block, spec_rules(kind)))


def kinds():
    return [name.removeprefix("espalier_") for name in golden_schema()["resource_schemas"]]


def values(attribute):
    """One or two values of an attribute other than its default; fails if there is none."""
    name, rules = attribute.name, attribute.rules
    found = VALUES.get(name) or next((VALUES[key] for key in VALUES if key[0] == "." and name.endswith(key)), None)
    kind = attribute.told["type"]
    if found is None and "enum" in rules:
        found = rules["enum"]
    elif found is None and kind == "bool":
        found = [True, False]
    elif found is None and kind == "number" and "maximum" in rules:
        found = range(rules["minimum"], rules["minimum"] + 3)
    elif found is None and kind == "string":
        pattern = rules.get("pattern", "")
        found = [text for text in TEXTS if re.search(pattern, text)]
    elif found is None and kind == ["list", "string"]:
        found = [["one"], ["one", "two"]]
    elif found is None and kind == ["map", "string"]:
        found = [{"a": "b"}, {"a": "c"}]
    found = [value for value in found or () if "default" not in rules or value != rules["default"]]
    if not found:
        raise AssertionError(f"{name}: no value to try it with can be made of its schema; see VALUES")
    return found[:2]


def alternatives(rules):
    """Of which attributes there has to be exactly one: lists of names."""
    return [["value_wo" if one["required"] == ["value"] else one["required"][0] for one in group["oneOf"]]
            for group in rules.get("allOf", ()) if "oneOf" in group]


def smallest(attribute):
    """The smallest value of an attribute that is required."""
    if "nested_type" not in attribute.told:
        return values(attribute)[0]
    inner = smallest_object(attribute.kind, attribute.told["nested_type"], inner_rules(attribute),
                            inner_path(attribute))
    return {"k": inner} if attribute.told["nested_type"]["nesting_mode"] == "map" else inner


def smallest_object(kind, block, rules, path=()):
    chosen = [group[0] for group in alternatives(rules)]
    return {attribute.path[-1]: smallest(attribute) for attribute in attributes_below(kind, block, rules, path)
            if len(attribute.path) == len(path) + 1
            and (attribute.told.get("required") or attribute.path[-1] in chosen)}


def smallest_of_kind(kind, name):
    block = golden_schema()["resource_schemas"][f"espalier_{kind}"]["block"]
    return {**smallest_object(kind, block, spec_rules(kind)), **LEAST.get(kind, {}), "name": name}


def at(values_, path):
    """What stands at this path; None if nothing does."""
    for part in path:
        values_ = (values_ or {}).get(part)
    return values_


def with_value(config, path, value):
    """A copy with another value at this path; None takes it away."""
    first, *rest = path
    config = dict(config)
    config[first] = with_value(config.get(first) or {}, rest, value) if rest else value
    if config[first] is None:
        del config[first]
    return config


def surroundings(attribute, all_attributes):
    """The smallest configuration in which the attribute can stand, and the path of what has to be left out
    where it does; None if there is nothing."""
    name = re.sub("[._]", "-", attribute.name.partition(".")[2])
    config = smallest_of_kind(attribute.kind, "default" if attribute.kind == "cluster" else name)
    by_path = {one.path: one for one in all_attributes}
    instead = None
    block_rules = spec_rules(attribute.kind)
    for length in range(1, len(attribute.path) + 1):
        path = attribute.path[:length]
        if path[-1] == "k":
            continue
        one = by_path[path]
        others = next((group for group in alternatives(block_rules) if path[-1] in group), [path[-1]])
        if others[0] != path[-1]:
            left_out = (*path[:-1], others[0])
            if length == len(attribute.path):
                instead = left_out
            else:
                config = with_value(config, left_out, None)
        if length < len(attribute.path):
            if at(config, path) is None:
                config = with_value(config, path, smallest(one))
            block_rules = inner_rules(one)
    for path, value in BESIDE.get(attribute.name, {}).items():
        config = with_value(config, path.split("."), value)
    return config, instead


def case_of(attribute, all_attributes):
    """How an attribute is tried; None if what it holds, or what it goes with, is."""
    config, instead = surroundings(attribute, all_attributes)
    holds = "nested_type" in attribute.told
    last = attribute.path[-1]
    if last in ("value_wo_version", "sealed") and any(one.path == (*attribute.path[:-1], "value_wo")
                                                      for one in all_attributes):
        return None
    if last == "value_wo":
        # A secret goes with its version, and the engine's seal of it follows.
        secret = attribute.path[:-1]
        goes_with = tuple(one for one in all_attributes if one.path in ((*secret, "value_wo_version"),
                                                                        (*secret, "sealed")))
        steps = tuple(with_value(config, secret, {"value_wo": f"secret {version}", "value_wo_version": version})
                      for version in (1, 2))
        return Case(attribute.kind, config["name"], (attribute, *goes_with), (*steps,))
    here = at(config, attribute.path)
    if holds:
        if here is not None:
            return None
        steps = [config, with_value(config, attribute.path, smallest(attribute))]
    else:
        others = [value for value in values(attribute) if value != here]
        if not others and attribute.told.get("required"):
            raise AssertionError(f"{attribute.name}: it has one value only; see VALUES")
        others = others or [None]
        steps = [config, *(with_value(config, attribute.path, value) for value in others)]
    if instead is not None:
        steps[1:] = [with_value(step, instead, None) for step in steps[1:]]
    return Case(attribute.kind, config["name"], (attribute,), tuple(steps))


def cases(kind):
    """All cases of a kind. Fails for an attribute that none tries."""
    every = attributes_of_kind(kind)
    made = [case for case in (case_of(one, every) for one in every if one.name not in UNTRIED) if case is not None]
    tried = {one.path for case in made for one in case.tries}
    # Of an object that every configuration has, what it holds is tried.
    missing = [one.name for one in every if one.name not in UNTRIED
               and not any(path[:len(one.path)] == one.path for path in tried)]
    if missing:
        raise AssertionError(f"no case tries {', '.join(missing)}")
    return made


def differing(before, after, path=()):
    """The paths at which two values differ, as deep as both have objects."""
    if isinstance(before, dict) and isinstance(after, dict):
        return {found for name in {*before, *after}
                for found in differing(before.get(name), after.get(name), (*path, name))}
    return set() if before == after else {path}
