"""How soon a difference is seen: a VM that nobody declared is started on a simulated Mac behind the
agent's back, and the reports are watched until they name it."""
import json
import os
import statistics
import subprocess
import time

from fleet import wait_for
from plugin import BIN

SOURCE = "fleet"


def start_reconciler(fleet):
    """A reconciler of a repository with one namespace, that has applied it; where its reports are."""
    repository, checkout = fleet._path("fleet.git"), fleet._path("checkout")

    def git(*args):
        subprocess.run(["git", "-c", "user.name=bench", "-c", "user.email=bench@example.test", *args],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    git("init", "-q", "--bare", repository)
    git("init", "-q", "-b", "main", checkout)
    with open(os.path.join(checkout, "fleet.yaml"), "w") as file:
        file.write("apiVersion: espalier/v1\nkind: Namespace\nmetadata: {name: ci}\n")
    git("-C", checkout, "add", "-A")
    git("-C", checkout, "commit", "-q", "-m", "the fleet")
    git("-C", checkout, "push", "-q", repository, "main")
    fleet.request("PUT", f"git_sources/{SOURCE}", {
        "apiVersion": "espalier/v1", "kind": "GitSource", "metadata": {"name": SOURCE},
        "spec": {"repository": repository}})
    fleet._start("espalier-reconciler", [
        "--engine", fleet.engine, "--token-file", fleet.token_file, "--cache-dir",
        fleet._path("reconciler"), "--webhook", "127.0.0.1:0"])
    report = os.path.join(fleet._path("reconciler"), SOURCE, "reports", "drift.json")
    wait_for(lambda: os.path.exists(report), "the reconciler's first report")
    return report


def names_of(report):
    return {row["ref"]["name"] for row in report["rows"]}


def foreign_vms(fleet, count):
    """Seconds from the start of a foreign VM until each report names it."""
    report = start_reconciler(fleet)

    def reported():
        with open(report) as file:
            return names_of(json.load(file))

    seen = {"engine": [], "reconciler": []}
    ways = {"engine": lambda: names_of(fleet.request("GET", "drift")), "reconciler": reported}
    for number in range(count):
        name = f"stray-{number}"
        began = time.perf_counter()
        subprocess.run([os.path.join(BIN, "espalier-agent"), "sim", "add-vm", name, "linux",
                        "--state-dir", fleet._path("mac-01.state")], check=True,
                       stdout=subprocess.DEVNULL)
        for way, names in ways.items():
            wait_for(lambda: name in names(), f"{name} in the drift of the {way}")
            seen[way].append(time.perf_counter() - began)
    return {"drift/engine": (statistics.median(seen["engine"]), "s"),
            "drift/engine/max": (max(seen["engine"]), "s"),
            "drift/reconciler": (statistics.median(seen["reconciler"]), "s"),
            "drift/reconciler/max": (max(seen["reconciler"]), "s")}
