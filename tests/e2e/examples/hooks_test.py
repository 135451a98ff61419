"""The hook and the action of examples/, run as git and a runner of GitHub Actions run them."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/e2e/provider"))
from fleet import Fleet  # noqa: E402
from plugin import BIN  # noqa: E402

EXAMPLES = ROOT / "examples"
GOOD = "apiVersion: espalier/v1\nkind: Namespace\nmetadata: {name: ci}\n"
BAD = GOOD + "spec:\n  descripton: builds\n"
WARNED = GOOD + "spec:\n  description: ghp_" + "x" * 36 + "\n"


class InARepository(unittest.TestCase):
    def setUp(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.repository = pathlib.Path(directory, "repository")
        self.environment = {
            **os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": directory,
            "GIT_AUTHOR_NAME": "ana", "GIT_AUTHOR_EMAIL": "ana@fleet.example",
            "GIT_COMMITTER_NAME": "ana", "GIT_COMMITTER_EMAIL": "ana@fleet.example"}
        self.run_in(directory, "git", "init", "-q", "-b", "main", self.repository)

    def run_in(self, directory, *command, environment=None):
        return subprocess.run([str(part) for part in command], cwd=directory, text=True, check=False,
                              env={**self.environment, **(environment or {})}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)

    def git(self, *arguments):
        return self.run_in(self.repository, "git", *arguments)

    def write(self, path, text):
        file = self.repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


class HookTest(InARepository):
    def setUp(self):
        super().setUp()
        shutil.copy(EXAMPLES / "pre-commit/pre-commit", self.repository / ".git/hooks")

    def commit(self):
        return self.git("commit", "-q", "-m", "the fleet")

    def commits(self):
        return int(self.git("rev-list", "--count", "--all").stdout)

    def test_a_good_commit_is_made_and_a_bad_one_refused(self):
        self.write("macs/fleet.yaml", GOOD)
        self.git("add", ".")
        done = self.commit()
        self.assertEqual(done.returncode, 0, done.stdout)
        self.write("macs/more.yaml", BAD)
        self.git("add", ".")
        done = self.commit()
        self.assertEqual(done.returncode, 1)
        self.assertIn("macs/more.yaml:5:3: error: namespace ci: spec.descripton:", done.stdout)
        self.assertIn("[unknown_field]", done.stdout)
        self.assertEqual(self.commits(), 1)

    def test_what_is_staged_is_checked_not_what_lies_there(self):
        self.write("fleet.yaml", BAD)
        self.git("add", ".")
        self.write("fleet.yaml", GOOD)
        self.assertEqual(self.commit().returncode, 1)
        self.git("add", ".")
        self.write("fleet.yaml", BAD)
        self.assertEqual(self.commit().returncode, 0)

    def test_the_folder_is_the_sources(self):
        self.git("config", "espalier.folder", "macs")
        self.write("macs/fleet.yaml", GOOD)
        self.write("other/not-ours.yaml", "a: b: c\n")
        self.git("add", ".")
        done = self.commit()
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_secret_is_not_committed(self):
        self.write("fleet.yaml", WARNED)
        self.git("add", ".")
        done = self.commit()
        self.assertEqual(done.returncode, 1)
        self.assertIn("looks_like_secret", done.stdout)
        self.assertNotIn("ghp_", done.stdout)

    def test_the_hook_for_pre_commit_is_that_command(self):
        """pre-commit itself is not here: its hook is run as it runs one of language `system`."""
        [hook] = yaml.safe_load((EXAMPLES / "pre-commit/.pre-commit-hooks.yaml").read_text())
        self.assertEqual(hook["language"], "system")
        self.assertFalse(hook["pass_filenames"])
        self.assertTrue(re.search(hook["files"], "macs/fleet.yaml"))
        command = hook["entry"].split() + hook["args"]
        self.write("fleet.yaml", GOOD)
        self.assertEqual(self.run_in(self.repository, *command).returncode, 0)
        self.write("more.yaml", BAD)
        self.assertEqual(self.run_in(self.repository, *command).returncode, 1)


class ActionTest(InARepository):
    def setUp(self):
        super().setUp()
        self.action = yaml.safe_load((EXAMPLES / "github-action/action.yml").read_text())

    def run_action(self, environment=None, **inputs):
        """Runs the action's one step as a runner does. What it printed, its outputs, its summary."""
        [step] = self.action["runs"]["steps"]
        self.assertEqual(step["shell"], "bash")
        given = {name: inputs.pop(name, declared["default"])
                 for name, declared in self.action["inputs"].items()}
        self.assertEqual(inputs, {})
        files = {name: self.repository.parent / name for name in ("output", "summary")}
        for file in files.values():
            file.write_text("")
        variables = {name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: given[match[1]], value)
                     for name, value in step["env"].items()}
        done = self.run_in(self.repository, "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c",
                           step["run"], environment={
                               **variables, **(environment or {}),
                               "GITHUB_ACTION_PATH": EXAMPLES / "github-action",
                               "GITHUB_OUTPUT": files["output"],
                               "GITHUB_STEP_SUMMARY": files["summary"]})
        return done, files["output"].read_text(), files["summary"].read_text()

    def test_lines_are_annotated(self):
        self.write("macs/fleet.yaml", BAD)
        done, output, summary = self.run_action(path="macs")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stdout.startswith(
            "::error file=macs/fleet.yaml,line=5,col=3,title=unknown_field::namespace ci: "
            "spec.descripton: there is no field"), done.stdout)
        self.assertEqual(output, "problems=1\n")
        self.assertIn("would refuse", summary)

    def test_what_is_valid_passes_quietly(self):
        self.write("fleet.yaml", GOOD)
        done, output, summary = self.run_action()
        self.assertEqual((done.returncode, done.stdout, output, summary), (0, "", "problems=0\n", ""))

    def test_warnings_annotate_and_fail_only_if_asked(self):
        self.write("fleet.yaml", WARNED)
        done, output, _ = self.run_action()
        self.assertEqual(done.returncode, 0)
        self.assertTrue(done.stdout.startswith("::warning file=./fleet.yaml,line=5") or
                        done.stdout.startswith("::warning file=fleet.yaml,line=5"), done.stdout)
        self.assertEqual(output, "problems=1\n")
        self.assertEqual(self.run_action(strict="true")[0].returncode, 1)

    def test_what_a_folder_is_called_is_not_run(self):
        done, _, _ = self.run_action(path="$(touch ran); --format json")
        self.assertEqual(done.returncode, 1)
        self.assertFalse((self.repository / "ran").exists())

    def test_the_plan_is_the_summary(self):
        self.write("macs/fleet.yaml", GOOD)
        with Fleet(hosts=0) as fleet:
            engine = {"ESPALIER_ENGINE": fleet.engine, "ESPALIER_TOKEN_FILE": fleet.token_file}
            source = self.repository / "source.yaml"
            source.write_text("apiVersion: espalier/v1\nkind: GitSource\nmetadata: {name: prod}\n"
                              "spec: {repository: /srv/fleet.git, path: macs}\n")
            applied = self.run_in(self.repository, "espalier", "apply", "-f", source,
                                  environment=engine)
            self.assertEqual(applied.returncode, 0, applied.stdout)
            done, _, summary = self.run_action(environment=engine, path="macs", source="prod")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("create | namespace ci", summary)


if __name__ == "__main__":
    unittest.main()
