"""Runs all benchmarks at small size: shows that they work and report what they should, not how fast."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from measures import MEASURES, reached  # noqa: E402


class RunTest(unittest.TestCase):
    def test_every_measure_is_in_the_document(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "bench.json")
            run = subprocess.run([os.path.join(HERE, "run"), "--size", "small", "--json", path],
                                 stdout=subprocess.PIPE, text=True, timeout=500, check=False)
            self.assertEqual(run.returncode, 0, run.stdout)
            with open(path) as file:
                document = json.load(file)
        self.assertEqual(document["failed"], {})
        entries = {entry["name"]: entry for entry in document["entries"]}
        for measures in MEASURES.values():
            for measure in measures:
                entry = entries[measure.name]
                if measure.unit == "calls":
                    self.assertGreaterEqual(entry["value"], 0, measure.name)
                else:
                    self.assertGreater(entry["value"], 0, measure.name)
                self.assertEqual(entry["reached"] is None, measure.goal == "", measure.name)
                self.assertIn(measure.what, run.stdout)
        for fact in ("system", "cpu", "cpus", "memory_mib", "load_before", "commit", "at"):
            self.assertIn(fact, document["machine"])

    def test_an_unknown_benchmark_is_refused(self):
        run = subprocess.run([os.path.join(HERE, "run"), "nonsense"], capture_output=True, text=True,
                             check=False)
        self.assertEqual(run.returncode, 2)
        self.assertIn("nonsense", run.stderr)

    def test_a_goal_is_a_bound(self):
        self.assertTrue(reached(5, "<= 5"))
        self.assertFalse(reached(5.1, "<= 5"))
        self.assertFalse(reached(2999, ">= 3000"))
        self.assertIsNone(reached(1, ""))


if __name__ == "__main__":
    unittest.main()
