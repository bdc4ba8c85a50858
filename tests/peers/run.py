"""NengoLoihi's own tests, once as they are and once with this project's emulator.

    python tests/peers/run.py [--quick] [arguments of pytest, such as -k or --slow]

The same tests have to pass. Prints outcomes and times of both; exits with 1 if a test fails with
this emulator that does not fail without it. Needs the environment of requirements/peers.txt
(``make peers``).
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENGINES = {"nengo-loihi": "as it is", "spikeseg": "with this emulator"}
QUICK = ("emulator", "builder", "tests/test_block.py", "tests/test_probe.py", "tests/test_basic.py")
"""What ``--quick`` runs of the package: a minute, instead of all of it."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a part of the tests")
    options, passed_on = parser.parse_known_args()
    package = installed("nengo_loihi")
    tests = [package / part for part in QUICK] if options.quick else [package]
    runs = {engine: run(engine, tests, passed_on) for engine in ENGINES}
    for engine, (outcomes, in_tests, seconds, made) in runs.items():
        counts = collections.Counter(outcomes.values())
        print(f"\n{ENGINES[engine]}: {len(outcomes)} tests", end=" ")
        print(f"in {seconds:.0f} s, {in_tests:.0f} s of them in the tests themselves (measured)")
        print("  " + ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items())))
        for name, n in made.items():
            print(f"  {n} networks on {name}")
    plain, ours = (outcomes for outcomes, *_ in runs.values())
    if not plain or set(plain) != set(ours):
        print(f"not the same tests ran: {sorted(set(plain) ^ set(ours))[:20]}")
        return 1
    worse = [name for name in plain if ours[name] == "failed" and plain[name] != "failed"]
    other = [name for name in plain if ours[name] != plain[name] and name not in worse]
    for name in worse:
        print(f"fails with this emulator only: {name}")
    for name in other:
        print(f"differs: {name} ({plain[name]} as it is, {ours[name]} with this emulator)")
    print(f"\n{len(worse)} tests fail that do not fail without this emulator")
    return 1 if worse else 0


def run(engine, tests, passed_on):
    """Run pytest; return outcomes, seconds in tests and in all, and emulators made by engine."""
    with tempfile.TemporaryDirectory() as folder:
        report, made = Path(folder) / "report.xml", Path(folder) / "made.json"
        command = [sys.executable, "-m", "pytest", "-q", "-c", HERE / "peers.ini"]
        command += ["--rootdir", installed("nengo_loihi").parent, "-p", "tests.peers.plugin"]
        command += ["-p", "no:cacheprovider", "--tb", "short", "--disable-warnings"]
        command += ["--engine", engine, "--junitxml", report, "--made", made, *passed_on, *tests]
        print(f"NengoLoihi's tests {ENGINES[engine]}", flush=True)
        begin = time.perf_counter()
        subprocess.run(
            [str(part) for part in command],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=folder,  # the tests write figures where they run
            check=False,
        )
        seconds = time.perf_counter() - begin
        counts = json.loads(made.read_text(encoding="utf-8")) if made.exists() else {}
        return *read(report), seconds, counts


def read(report):
    """Outcome of every test in a JUnit report (an expected failure is skipped), and seconds."""
    found, seconds = {}, 0.0
    if not report.exists():
        return found, seconds
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "passed"
        outcome = "skipped" if "skipped" in kinds else outcome
        found[f"{case.get('classname')}::{case.get('name')}"] = outcome
        seconds += float(case.get("time"))
    return found, seconds


def installed(package):
    """Find the folder of an installed package without importing it."""
    from importlib.util import find_spec

    return Path(find_spec(package).submodule_search_locations[0])


if __name__ == "__main__":
    sys.exit(main())
