#!/usr/bin/env python3
"""Runs the tests of the 64 points and compares docs/conformance.md with what came out.

    tests/conformance/run.py              all of them, under each command line that is here
    tests/conformance/run.py 21 37        only these points, and no comparison
    ESPALIER_UPDATE_GOLDEN=1 ...          rewrites the document; needs every command line it has a column for
    ESPALIER_LONG=1 ...                   the long variants; no comparison

One test of one point: `python3 tests/conformance/values_test.py -v -k point_21`.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys
import unittest

from cases import LONG, ROOT, CliCase
from points import ELSEWHERE, POINTS, REDUCED
import clis

HERE = os.path.dirname(os.path.abspath(__file__))
DOCUMENT = os.path.join(ROOT, "docs/conformance.md")
ALONE = "played"  # The column of tests that play core themselves.
NUMBERS = {number: text for chapter in POINTS.values() for number, text in chapter.items()}


def tests():
    """Every test, each with the points it shows and whether it drives a command line."""
    def flat(suite):
        for one in suite:
            if isinstance(one, unittest.TestSuite):
                yield from flat(one)
            else:
                yield one
    own = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, "*_test.py")))
    for module in [*own, *ELSEWHERE]:
        for test in flat(unittest.defaultTestLoader.loadTestsFromName(module)):
            match = re.match(r"test_point((?:_\d\d)+)_", test._testMethodName)
            if not match:
                raise SystemExit(f"{test.id()} does not say which point it shows")
            drives_cli = isinstance(test, CliCase) or module in ELSEWHERE
            yield [int(number) for number in match[1].split("_")[1:]], drives_cli, test


class Result(unittest.TextTestResult):
    """Notes what came of each test."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.came = {}

    def startTest(self, test):
        self.came[test.id()] = "passed"
        super().startTest(test)

    def addSkip(self, test, reason):
        self.came[test.id()] = "not run: " + reason
        super().addSkip(test, reason)

    def addError(self, test, err):
        self.came[test.id()] = "FAILED"
        super().addError(test, err)

    def addFailure(self, test, err):
        self.came[test.id()] = "FAILED"
        super().addFailure(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.came[test.id()] = "FAILED"
        super().addSubTest(test, subtest, err)


def run_here(column, case, wanted):
    """Runs the tests of one class in this process; prints what came of each as one line of JSON."""
    suite = unittest.TestSuite(test for numbers, drives_cli, test in tests()
                               if drives_cli == (column != ALONE) and unittest.util.strclass(type(test)) == case
                               and (not wanted or wanted & set(numbers)))
    result = unittest.TextTestRunner(resultclass=Result, verbosity=2, stream=sys.stderr).run(suite)
    print(json.dumps(result.came))


def run_one(column, path, case, wanted):
    """Runs a class in a process of its own; its output and what came of each test."""
    env = {**os.environ, **({"ESPALIER_TERRAFORM": path} if path else {})}
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--column", column, "--case", case,
                           *map(str, sorted(wanted))],
                          env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{column}, {case}: {done.stderr}")
    return column, case, done.stderr, json.loads(done.stdout)


def run_columns(wanted):
    """What came of each test, by column. Most of the time core waits or works: two classes for each
    processor run at once, those of the slower command line first."""
    cases = {}
    for numbers, drives_cli, test in tests():
        if not wanted or wanted & set(numbers):
            cases[unittest.util.strclass(type(test))] = drives_cli
    columns = [(cli.title, cli.path) for cli in reversed(clis.every())]
    work = [(column, path, case) for column, path in columns for case in cases if cases[case]]
    work += [(ALONE, None, case) for case in cases if not cases[case]]
    came = {column: {} for column in [ALONE, *(column for column, _ in reversed(columns))]}
    with concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        for future in concurrent.futures.as_completed(
                [pool.submit(run_one, *one, wanted) for one in work]):
            column, case, text, results = future.result()
            print(f"== {column}, {case}\n{text}", flush=True)
            came[column].update(results)
    return came


def summed_up(results):
    """What came of several tests of one point."""
    if "FAILED" in results:
        return "FAILED"
    kinds = sorted(set(results) - {"passed"})
    if "passed" not in results:
        return "; ".join(kinds)
    # A point is shown by all of its tests: who reads that it passed shall know which did not run.
    return "; ".join(["passed", *(f"{results.count(kind)} {kind}" for kind in kinds)])


def cells(came):
    """{point: {column: what came of it}} and {point: names of its tests}."""
    table, names = {number: {} for number in NUMBERS}, {number: {} for number in NUMBERS}
    for numbers, _, test in tests():
        short = f"`{test.id()}`"
        for number in numbers:
            names[number][short] = None
            for column, results in came.items():
                if test.id() in results:
                    table[number].setdefault(column, []).append(results[test.id()])
    return ({number: {column: summed_up(found) for column, found in row.items()}
             for number, row in table.items()}, names)


def document(table, names, columns):
    lines = [
        "# Conformance of the Terraform provider",
        "",
        "What a provider of plugin protocol 6 has to do, in 64 points, and what came of testing each. Made by",
        "`tests/conformance/run.py`, which the test `conformance` runs; do not edit. How a test works, and how to",
        "run one: [tests/conformance](../tests/conformance/README.md).",
        "",
        "*played*: a client of our own plays core and says what no command line would. The other columns are the",
        "real command line. All other versions of Terraform and OpenTofu are not run: neither a package registry",
        "nor the machines that we test on have them.",
        "",
    ]
    for chapter, points in POINTS.items():
        lines += [f"## {chapter}", "", "| | point | " + " | ".join(columns) + " |",
                  "|---|---|" + "---|" * len(columns)]
        for number, text in points.items():
            row = [table[number].get(column, "") for column in columns]
            if number in REDUCED:
                text += f" ({REDUCED[number]})"
            lines.append(f"| {number} | {text} | " + " | ".join(row) + " |")
        lines.append("")
    lines += ["## The tests", "", "| | tests |", "|---|---|"]
    for number in NUMBERS:
        lines.append(f"| {number} | " + ", ".join(names[number]) + " |")
    return "\n".join(lines) + "\n"


def committed():
    """The document's text, its columns, and its cells."""
    with open(DOCUMENT) as file:
        text = file.read()
    columns, table = [], {}
    for line in text.splitlines():
        parts = [part.strip() for part in line.strip("|").split(" | ")]
        if line.startswith("| | point |"):
            columns = [part for part in line.strip("| ").split(" | ")][1:]
        elif re.match(r"\| \d+ \|", line) and len(parts) == 2 + len(columns):
            table[int(parts[0])] = dict(zip(columns, parts[2:]))
    return text, columns, table


def compare(came):
    """Problems of the committed document."""
    table, names = cells(came)
    here = list(came)
    if os.environ.get("ESPALIER_UPDATE_GOLDEN"):
        with open(DOCUMENT, "w") as file:
            file.write(document(table, names, here))
        print(f"rewrote {DOCUMENT}")
        return []
    text, columns, old = committed()
    # Another machine has other command lines: what it has is compared, the rest is taken as it stands.
    for number in NUMBERS:
        for column in columns:
            if column not in here:
                table[number][column] = old.get(number, {}).get(column, "")
    extra = [column for column in here if column not in columns]
    if extra:
        print(f"docs/conformance.md has no column for {', '.join(extra)}")
    if document(table, names, columns) == text:
        return []
    differing = [f"{number}: {column} is {table[number].get(column, '')!r}, the document says "
                 f"{old.get(number, {}).get(column, '')!r}" for number in NUMBERS for column in columns
                 if table[number].get(column, "") != old.get(number, {}).get(column, "")]
    return differing or ["docs/conformance.md is not what the tests make of it; ESPALIER_UPDATE_GOLDEN=1 rewrites it"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", nargs="*", type=int)
    parser.add_argument("--column", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    wanted = set(options.points)
    if options.column:
        run_here(options.column, options.case, wanted)
        return 0
    missing = [number for number in NUMBERS if not any(number in numbers for numbers, _, _ in tests())]
    problems = [f"point {number} has no test" for number in missing]
    came = run_columns(wanted)
    problems += [f"{name} failed ({column})" for column, results in came.items()
                 for name, result in results.items() if result == "FAILED"]
    if not problems and not wanted and not LONG:
        problems = compare(came)
    for problem in problems:
        print(problem)
    ran = sum(result == "passed" for results in came.values() for result in results.values())
    print(f"{ran} tests passed, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
