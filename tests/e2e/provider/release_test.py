"""What is released: packed by tools/release-provider, installed by the real Terraform from a mirror on disk."""
import hashlib
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest
import zipfile

from fleet import Fleet
from plugin import PROVIDER, ROOT
from terraform import Terraform

VERSION, PLATFORM = "0.9.1", f"linux_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}[os.uname().machine]}"
PACKAGE = f"terraform-provider-espalier_{VERSION}_{PLATFORM}.zip"


def pack(out, platform=PLATFORM):
    subprocess.run([sys.executable, os.path.join(ROOT, "tools/release-provider"), "--binary", PROVIDER,
                    "--version", VERSION, "--platform", platform, "--out", out], check=True, capture_output=True)


class ReleaseTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="espalier-release-")
        cls.addClassCleanup(directory.cleanup)
        cls.out = pathlib.Path(directory.name)
        pack(cls.out)
        cls.release = cls.out / "release"

    def test_a_release_has_what_the_registry_asks_for(self):
        prefix = f"terraform-provider-espalier_{VERSION}"
        self.assertEqual(sorted(file.name for file in self.release.iterdir()),
                         [f"{prefix}_SHA256SUMS", PACKAGE, f"{prefix}_manifest.json"])
        manifest = json.loads((self.release / f"{prefix}_manifest.json").read_text())
        self.assertEqual(manifest, {"version": 1, "metadata": {"protocol_versions": ["6.0"]}})
        with zipfile.ZipFile(self.release / PACKAGE) as archive:
            modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
            self.assertEqual(archive.read(f"terraform-provider-espalier_v{VERSION}"),
                             pathlib.Path(PROVIDER).read_bytes())
        self.assertEqual(modes, {"LICENSE": stat.S_IFREG | 0o644,
                                 f"terraform-provider-espalier_v{VERSION}": stat.S_IFREG | 0o755})

    def test_sums_cover_every_platform(self):
        with tempfile.TemporaryDirectory() as out:
            pack(out)
            pack(out, "darwin_arm64")
            release = pathlib.Path(out) / "release"
            sums = dict(reversed(line.split("  ")) for line in
                        (release / f"terraform-provider-espalier_{VERSION}_SHA256SUMS").read_text().splitlines())
            files = {file.name for file in release.iterdir()} - {f"terraform-provider-espalier_{VERSION}_SHA256SUMS"}
            self.assertEqual(set(sums), files)
            self.assertEqual(len(files), 3)
            for name, told in sums.items():
                self.assertEqual(hashlib.sha256((release / name).read_bytes()).hexdigest(), told)

    def test_the_same_program_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as out:
            pack(out)
            again = pathlib.Path(out)
            ours = sorted(file.relative_to(self.out) for file in self.out.rglob("*") if file.is_file())
            self.assertEqual(ours, sorted(file.relative_to(again) for file in again.rglob("*") if file.is_file()))
            for file in ours:
                self.assertEqual((self.out / file).read_bytes(), (again / file).read_bytes(), file)

    def test_terraform_installs_it_from_the_mirror_and_applies(self):
        with Fleet(hosts=0) as fleet, Terraform(fleet.engine, fleet.token) as terraform:
            # Nothing else is allowed: what is not in the mirror is not found, and nobody is asked.
            with open(terraform.env["TF_CLI_CONFIG_FILE"], "w") as rc:
                rc.write('provider_installation {\n  filesystem_mirror { path = "%s" }\n}\n' % (self.out / "mirror"))
            terraform.write('resource "espalier_namespace" "a" { name = "a" }')
            installed = terraform.run("init", "-no-color")
            self.assertIn(f"Installed espalier/espalier v{VERSION}", installed)
            self.assertEqual(terraform.plan()["espalier_namespace.a"]["actions"], ["create"])
            terraform.apply()
            terraform.assert_no_changes()
            terraform.destroy()
            # The package is what the lock says it is, also for whoever comes next.
            lock = (pathlib.Path(terraform.directory) / ".terraform.lock.hcl").read_text()
            self.assertIn(f'version = "{VERSION}"', lock)
            self.assertIn('"h1:', lock)


if __name__ == "__main__":
    unittest.main()
