"""Every example is an input: each kind's YAML is validated, planned and applied by the command line; its
main.tf is planned, applied, found unchanged, read by its data source, imported and destroyed by the real
Terraform, with simulated Macs behind the engine."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/e2e/provider"))
from clis import at_least  # noqa: E402
from clis import at_least  # noqa: E402
from fleet import Fleet  # noqa: E402
from plugin import BIN, PROVIDER  # noqa: E402
from terraform import Terraform  # noqa: E402

EXAMPLES = ROOT / "examples"
KINDS = sorted(p.parent.name for p in EXAMPLES.glob("*/main.tf") if p.parent.name != "quickstart")
# What each part of the schema is shown by.
PARTS = {
    "data_source_schemas": "data-sources/*/data-source.tf",
    "functions": "functions/*/function.tf",
    "ephemeral_resource_schemas": "ephemeral-resources/*/ephemeral-resource.tf",
    "list_resource_schemas": "list-resources/*/list-resource.tfquery.hcl",
    "action_schemas": "actions/*/action.tf",
}


def cli(fleet, *args, ok=(0,)):
    env = dict(os.environ, ESPALIER_ENGINE=fleet.engine, ESPALIER_TOKEN=fleet.token, HOME=fleet.directory)
    done = subprocess.run([os.path.join(BIN, "espalier"), *args], env=env, capture_output=True, text=True,
                          timeout=60)
    if done.returncode not in ok:
        raise AssertionError(f"{args} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Example(Terraform):
    """A directory with one example, the fleet's registry standing for the one in it."""

    def __init__(self, fleet, path, **more):
        super().__init__(fleet.engine, fleet.token, "example", **more)
        text = path.read_text().replace("registry.example/", f"{fleet.registry.address}/")
        (pathlib.Path(self.directory) / path.name).write_text(text)

    def shell(self, script):
        """Runs a script of the examples, in which `terraform` is the command line under test."""
        tools = pathlib.Path(self.directory) / "bin"
        tools.mkdir()
        (tools / "terraform").symlink_to(self.cli.path)
        env = {**self.env, "PATH": f"{tools}{os.pathsep}{self.env['PATH']}"}
        done = subprocess.run(["sh", "-e", script], cwd=self.directory, env=env, capture_output=True, text=True,
                              timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"{script} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


class ExamplesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = cls.enterClassContext(Fleet(hosts=2))

    def test_everything_has_one(self):
        schema = json.loads(subprocess.run([PROVIDER, "--schema-json"], check=True, capture_output=True).stdout)
        self.assertEqual({f"espalier_{kind}" for kind in KINDS}, set(schema["resource_schemas"]))
        for kind in KINDS:
            for name in (f"{kind}.yaml", "import.sh"):
                self.assertTrue((EXAMPLES / kind / name).exists(), f"{kind}/{name}")
        for part, pattern in PARTS.items():
            self.assertEqual({p.parent.name for p in (EXAMPLES / "provider").glob(pattern)},
                             set(schema.get(part, {})), part)

    def test_yaml_is_validated_planned_and_applied(self):
        # Of an engine of its own: there is one owner of each object.
        with Fleet(hosts=0) as fleet:
            for kind in KINDS:
                with self.subTest(kind=kind):
                    path = str(EXAMPLES / kind / f"{kind}.yaml")
                    cli(fleet, "validate", path)
                    cli(fleet, "diff", "-f", path, ok=(2,))
                    cli(fleet, "apply", "-f", path)
                    cli(fleet, "diff", "-f", path, ok=(0,))
                    self.assertTrue(json.loads(cli(fleet, "get", kind, "-o", "json"))["items"])

    def test_terraform_plans_applies_reads_imports_and_destroys(self):
        for kind in KINDS:
            with self.subTest(kind=kind), Example(self.fleet, EXAMPLES / kind / "main.tf") as terraform:
                terraform.apply()
                terraform.assert_no_changes()
                source = EXAMPLES / f"provider/data-sources/espalier_{kind}/data-source.tf"
                with Example(self.fleet, source) as reader:
                    reader.apply()
                ((address, before),) = terraform.state().items()
                terraform.run("state", "rm", address)
                terraform.shell(EXAMPLES / kind / "import.sh")
                self.assertEqual(terraform.state(address), before["values"])
                terraform.assert_no_changes()
                terraform.destroy()

    def test_secrets_are_given_as_values(self):
        path = EXAMPLES / "registry_credential/write_only/main.tf"
        with Example(self.fleet, path, TF_VAR_registry_password="canary") as terraform:
            terraform.apply()
            terraform.assert_no_changes()
            terraform.destroy()

    def test_plural_data_sources_are_read(self):
        for path in (EXAMPLES / "provider").glob(PARTS["data_source_schemas"]):
            if path.parent.name.removeprefix("espalier_") in KINDS:
                continue
            with self.subTest(source=path.parent.name), Example(self.fleet, path) as terraform:
                terraform.apply()

    def test_lists_are_queried(self):
        cli = at_least(1, 14)
        for path in (EXAMPLES / "provider").glob(PARTS["list_resource_schemas"]):
            with self.subTest(list=path.parent.name), Example(self.fleet, path, cli=cli) as terraform:
                # Which provider is meant is not said by a query.
                terraform.write("")
                terraform.run("query", "-no-color")

    def test_functions_are_called(self):
        for path in (EXAMPLES / "provider").glob(PARTS["functions"]):
            with self.subTest(function=path.parent.name), Example(self.fleet, path) as terraform:
                terraform.apply()

    def test_ephemeral_resources_are_opened(self):
        for path in (EXAMPLES / "provider").glob(PARTS["ephemeral_resource_schemas"]):
            with self.subTest(type=path.parent.name), Example(self.fleet, path) as terraform:
                terraform.apply()
                terraform.assert_no_changes()
                terraform.destroy()

    def test_actions_are_understood(self):
        newer = at_least(1, 14)
        for path in (EXAMPLES / "provider").glob(PARTS["action_schemas"]):
            with self.subTest(type=path.parent.name), Example(self.fleet, path, cli=newer) as terraform:
                terraform.apply()
                terraform.assert_no_changes()
                terraform.destroy()


if __name__ == "__main__":
    unittest.main()
