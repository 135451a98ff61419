"""Pull requests into a large source: how long people wait for the plan, and what those cost that do not
change. Everything is real but the forge, which is fake_forge."""
import time

from fleet import wait_for
from followed import Followed
from forge_process import FakeForge

# So seldom that only webhooks count.
NEVER = 86400


def start(followed, forge):
    """The source is followed and applied, its forge tells the reconciler of what happens there."""
    followed.declare_source(forge=forge.spec(NEVER))
    followed.wait_until_applied(followed.head(), seconds=600)
    forge.tell_reconciler()


def plans(fleet, size):
    """From the webhook of a new pull request to its comment, one after the other."""
    with Followed(fleet, files=size["files"], objects_per_file=size["objects_per_file"],
                  poll_seconds=NEVER) as followed, FakeForge(followed, "github") as forge:
        start(followed, forge)
        base = followed.head()
        firsts, waits = [], []
        for number in range(1, size["pulls"] + 1):
            file = number % size["files"]
            followed.write(file, 7200 + number)
            head = followed.propose(number)
            began = time.perf_counter()
            forge.open(number, head, base, followed.path_of(file))
            wait_for(lambda: forge.states(head), "a first status")
            firsts.append(time.perf_counter() - began)
            wait_for(lambda: forge.comments(number), f"the plan of {number}", 120)
            waits.append(time.perf_counter() - began)
            assert f"{size['objects_per_file']} to update" in forge.comments(number)[0]["body"]
            wait_for(lambda: "success" in forge.states(head), "the last status")
            # The forge wants a second between writes; the next one's are not to wait for this one's.
            time.sleep(1.5)
        # What a plan took is given back to the system within ten seconds.
        time.sleep(min(12, size["idle_seconds"]))
        ninety_five = sorted(waits)[max(0, -(-len(waits) * 95 // 100) - 1)]
        return {"pulls/first_status": (sorted(firsts)[len(firsts) // 2], "s"),
                "pulls/comment/p50": (sorted(waits)[len(waits) // 2], "s"),
                "pulls/comment/p95": (ninety_five, "s"),
                "pulls/memory": (followed.status("VmRSS") / 1024, "MiB")}


def unchanged(fleet, size):
    """Calls of the forge's interface while many pull requests stay as they are."""
    # Gitea's pace lets us write 300 times a minute.
    with Followed(fleet, files=10, objects_per_file=5, poll_seconds=10) as followed, \
            FakeForge(followed, "gitea") as forge:
        base = followed.head()
        tree = followed.git_at(followed.checkout, "rev-parse", "HEAD^{tree}")
        # None of them touches anything: a status each is all that is said.
        for number in range(1, size["open_pulls"] + 1):
            head = followed.git_at(followed.checkout, "commit-tree", tree, "-p", base, "-m",
                                   f"change {number}")
            followed.git_at(followed.checkout, "push", "-q", followed.repository,
                            f"{head}:refs/pull/{number}/head")
            forge.open(number, head, base, followed.path_of(0))
        start(followed, forge)

        def all_said():
            statuses = forge.control("dump")["statuses"]
            return len({s["sha"] for s in statuses if s["state"] == "success"}) == size["open_pulls"]
        wait_for(all_said, "a final status for each", 3600)
        time.sleep(min(5, size["idle_seconds"]))
        before, used, began = forge.control("calls"), followed.processor_seconds(), time.perf_counter()
        time.sleep(size["idle_seconds"])
        after = forge.control("calls")
        idle = (followed.processor_seconds() - used) / (time.perf_counter() - began)
        calls = sum(after[kind] - before[kind] for kind in ("reads", "writes", "unchanged"))
        return {"pulls/unchanged/calls": (calls, "calls"),
                "pulls/unchanged/processor": (max(100 * idle, 0.001), "%")}
