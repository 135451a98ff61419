"""Drift that somebody accepts: from the issue to a pull request that declares what is live.

    accept_drift_test.py github|gitlab|gitea

Everything is real but the forge, which is fake_forge. It makes the branch and the pull request as it is told;
the commit is then put into the real repository, as the forge would have done.
"""
import difflib

from pull_request_world import HEADS, image, last, run

BRANCH = "espalier/accept-drift-fleet"
DECLARED = """# The base image of all.
apiVersion: espalier/v1
kind: Image
metadata:
  name: a
  labels: {team: ios, "tier": 'gold'}  # who asks for it
spec:
  # Moved by hand only.
  reference: registry.example/a:1   # the pin
---
""" + image("b")
LIVE = DECLARED.split("---")[0].replace("a:1", "a:9").replace("'gold'", '"of silver"').replace("team: ios, ", "")
DIFF = [
    "-  labels: {team: ios, \"tier\": 'gold'}  # who asks for it\n",
    "+  labels: {\"tier\": 'of silver'}  # who asks for it\n",
    "-  reference: registry.example/a:1   # the pin\n",
    "+  reference: registry.example/a:9   # the pin\n",
]


def play(world):
    files = {"a.yaml": DECLARED, "b.yaml": image("c")}
    base = world.commit(files)
    world.push("main", "refs/heads/main")
    for path, text in files.items():
        world.control("file", path=path, text=text)
    world.follow()
    world.eventually("the first apply", lambda: "reference" in world.espalier("get", "image", "c", "-o", "yaml"))

    # Drift, and its issue.
    (world.directory / "live.yaml").write_text(LIVE)
    world.espalier("apply", "-f", "live.yaml", "--override", "--reason", "INC-91")
    world.eventually("the issue", world.open_issues)
    number = world.control("dump")["issues"][0]["number"]
    # GitLab counts issues and merge requests apart.
    about = -number if world.forge == "gitlab" else number

    # Somebody who may not write.
    world.control("comment_on_issue", number=number, author="mallory", body="/espalier accept-drift")
    world.eventually("the refusal", lambda: len(world.comments(about)) == 1)
    assert "Only who may write" in world.comments(about)[0], world.comments(about)
    assert not world.control("dump")["pull_requests"]

    # Somebody who may: one pull request with the very lines, and a link to it.
    world.control("comment_on_issue", number=number, author="ana", body="/espalier accept-drift")
    took = world.eventually("the answer", lambda: len(world.comments(about)) == 2)
    print(f"{world.forge}: answered after {took:.2f} s")
    dump = world.control("dump")
    [pull] = dump["pull_requests"]
    assert (pull["head_branch"], pull["base_branch"]) == (BRANCH, "main"), pull
    assert f'[Pull request {pull["number"]}](' in world.comments(about)[1], world.comments(about)
    for part in ("a.yaml:6", "a.yaml:9", "metadata.labels", "spec.reference", "INC-91"):
        assert part in pull["body"].replace("\\", ""), pull["body"]
    [branch] = [b for b in dump["branches"] if b["name"] == BRANCH]
    assert list(branch["files"]) == ["a.yaml"], branch
    accepted = branch["files"]["a.yaml"]
    changed = [line for line in difflib.unified_diff(DECLARED.splitlines(True), accepted.splitlines(True), n=0)
               if not line.startswith(("---", "+++", "@@"))]
    assert changed == DIFF, changed

    # Asked again, there is still one.
    world.control("comment_on_issue", number=number, author="ana", body="/espalier accept-drift image/a")
    world.eventually("the second answer", lambda: len(world.comments(about)) == 3)
    assert len(world.control("dump")["pull_requests"]) == 1

    # It is planned as any other, and changes nothing of what is live.
    plan = "espalier/plan/fleet"
    world.git("checkout", "-q", "main", cwd=world.directory / "checkout")
    head = world.commit({"a.yaml": accepted}, "accepted")
    world.push("accepted", HEADS[world.forge].format(pull["number"]))
    world.control("push_head", number=pull["number"], sha=head)
    world.eventually("its plan", lambda: last(world.statuses(head, plan)).startswith("success: ")
                     and "accepts what" in "".join(world.comments(pull["number"])))

    # Merged: no drift, no issue.
    world.git("checkout", "-q", "main", cwd=world.directory / "checkout")
    merged = world.commit({"a.yaml": accepted}, "main")
    assert merged != base
    world.push("main", "refs/heads/main")
    world.control("merge", number=pull["number"], sha=merged)
    world.eventually("the end of the issue", lambda: not world.open_issues())
    assert "a:9" in world.espalier("get", "image", "a", "-o", "yaml")
    drift = world.espalier("drift")
    assert "image a" not in drift, drift


if __name__ == "__main__":
    run(play)
