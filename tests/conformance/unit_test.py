"""Points that are shown by unit tests: run here so that the table is made of what ran."""
import os
import subprocess
import unittest

from cases import BIN, ROOT
from points import UNIT


class UnitTest(unittest.TestCase):
    def unit(self, number):
        for program, tests in UNIT[number]:
            run = subprocess.run([os.path.join(BIN, program), "--gtest_brief=1", "--gtest_filter=" + tests], cwd=ROOT,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            self.assertEqual(run.returncode, 0, run.stdout)
            # A filter that fits nothing is no test.
            self.assertNotIn(" 0 tests from", run.stdout)

    def test_point_12_nothing_is_put_into_words_that_nobody_reads_and_nothing_breaks_a_line(self):
        self.unit(12)

    def test_point_37_failures_at_every_call(self):
        self.unit(37)

    def test_point_50_state_of_every_released_version_is_read(self):
        self.unit(50)

    def test_point_57_one_completion_whatever_happens(self):
        self.unit(57)


if __name__ == "__main__":
    unittest.main()
