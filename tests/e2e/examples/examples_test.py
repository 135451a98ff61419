"""Every example is an input: each kind's YAML is validated, planned and applied by the command line, and
its main.tf is planned, applied, found unchanged and destroyed by the real Terraform."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/e2e/provider"))
from registry import Registry  # noqa: E402
from terraform import Terraform  # noqa: E402

BIN = pathlib.Path(os.environ.get("ESPALIER_BIN", ROOT / "build/release/bin"))
KINDS = sorted(p.parent.name for p in (ROOT / "examples").glob("*/main.tf") if p.parent.name != "quickstart")


class Engine:
    """An engine with an empty store."""

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="espalier-examples-"))
        ready = self.directory / "ready"
        self.log = open(self.directory / "log", "wb")
        self.process = subprocess.Popen(
            [BIN / "espalierd", "--data-dir", self.directory / "data", "--grpc", "127.0.0.1:0",
             "--http", "127.0.0.1:0", "--ready-file", ready], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while not ready.exists() or not ready.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.directory / "log").read_text())
            time.sleep(0.05)
        told = json.loads(ready.read_text())
        self.address = told["grpc"]
        self.token = pathlib.Path(told["admin_token_file"]).read_text().strip()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def cli(self, *args, ok=(0,)):
        env = dict(os.environ, ESPALIER_ENGINE=self.address, ESPALIER_TOKEN=self.token, HOME=str(self.directory))
        done = subprocess.run([BIN / "espalier", *args], env=env, capture_output=True, text=True, timeout=60)
        if done.returncode not in ok:
            raise AssertionError(f"{args} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


class ExamplesTest(unittest.TestCase):
    def test_every_kind_has_one(self):
        kinds = {p.stem for p in (ROOT / "schemas/json").glob("*.json")}
        self.assertEqual(kinds, set(KINDS))

    def test_yaml_is_validated_planned_and_applied(self):
        with Engine() as engine:
            for kind in KINDS:
                with self.subTest(kind=kind):
                    path = str(ROOT / "examples" / kind / f"{kind}.yaml")
                    engine.cli("validate", path)
                    engine.cli("diff", "-f", path, ok=(2,))
                    engine.cli("apply", "-f", path)
                    engine.cli("diff", "-f", path, ok=(0,))
                    self.assertTrue(json.loads(engine.cli("get", kind, "-o", "json"))["items"])

    def test_terraform_plans_applies_finds_no_change_and_destroys(self):
        registry = Registry()
        self.addCleanup(registry.stop)
        with Engine() as engine:
            for kind in KINDS:
                with self.subTest(kind=kind), Terraform(engine.address, engine.token, "example") as terraform:
                    # An image is done when its registry has told its digest, and there is no such registry.
                    text = (ROOT / "examples" / kind / "main.tf").read_text()
                    (pathlib.Path(terraform.directory) / "main.tf").write_text(
                        text.replace("registry.example/", f"{registry.address}/"))
                    terraform.apply()
                    terraform.assert_no_changes()
                    terraform.destroy()


if __name__ == "__main__":
    unittest.main()
