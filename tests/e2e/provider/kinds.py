"""A configuration of every kind beside the VM, for tests that go over all of them."""

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
