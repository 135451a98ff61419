"""What people command in the comments of pull requests, on one forge.

    commands_test.py github|gitlab|gitea

Everything is real but the forge, which is fake_forge: what is refused to the reconciler's token is
refused here.
"""
import re

from pull_request_world import image, last, run

PLAN, APPLY = "espalier/plan/fleet", "espalier/apply/fleet"


class Talk:
    """Commands of ana's, and their answers, in one pull request."""

    def __init__(self, world, number):
        self.world, self.number = world, number

    def say(self, words):
        """The answer."""
        before = len(self.world.comments(self.number))
        self.world.control("comment", number=self.number, author="ana", body=f"/espalier {words}")
        self.world.eventually(f"the answer to {words}",
                              lambda: len(self.world.comments(self.number)) > before)
        return self.world.comments(self.number)[-1]

    def shown(self):
        return self.world.comments(self.number)[0]


def stands(world, name):
    return "reference" in world.espalier("get", "image", name, "-o", "yaml")


def merge(world, number, files):
    world.git("checkout", "-q", "main", cwd=world.directory / "checkout")
    merged = world.commit(files, "main")
    world.push("main", "refs/heads/main")
    world.control("merge", number=number, sha=merged)
    return merged


def play(world):
    world.follow("  kinds: [image]\n")
    world.eventually("the first apply", lambda: stands(world, "b"))

    # Planned again, paused: what is merged meanwhile waits, until it goes on.
    head = world.open(1, "more", {"c.yaml": image("c")})
    world.eventually("the plan", lambda: last(world.statuses(head, PLAN)) == "success: 1 to create")
    world.eventually("its words", lambda: len(world.comments(1)) == 1)
    first = Talk(world, 1)
    answer = first.say("plan")
    assert f"Looking at `{head[:7]}` again" in answer, answer
    answer = first.say("pause 4h disk swap")
    assert "Nothing is applied for 4h" in answer, answer
    world.eventually("the headline", lambda: "disk swap" in first.shown())
    assert "ana in pull request 1" in first.shown().replace("\\", ""), first.shown()
    merged = merge(world, 1, {"c.yaml": image("c")})
    world.eventually("the new commit",
                     lambda: merged in world.espalier("get", "git_source", "fleet", "-o", "yaml"))
    assert not stands(world, "c")
    answer = first.say("resume")
    assert "Changes are applied again" in answer, answer
    world.eventually("the result", lambda: last(world.statuses(merged, APPLY)) == "success: 1 to create")
    assert stands(world, "c")

    # What destroys more than was shown waits to be confirmed.
    head = world.open(2, "fewer", {"a.yaml": None})
    world.eventually("the plan of less", lambda: last(world.statuses(head, PLAN)) == "success: 1 to destroy")
    world.eventually("its words", lambda: len(world.comments(2)) == 1)
    merged = merge(world, 2, {"a.yaml": None, "b.yaml": None})
    second = Talk(world, 2)
    world.eventually("the stop", lambda: "newly destroyed: image b" in second.shown())
    answer = second.say("confirm " + re.search(r"/espalier confirm ([0-9a-f]+)", second.shown())[1])
    assert "may destroy what it says" in answer, answer
    world.eventually("the second result",
                     lambda: last(world.statuses(merged, APPLY)) == "success: 2 to destroy")
    assert stands(world, "c") and not stands(world, "a") and not stands(world, "b")

    # What somebody else made belongs to git once it is merged and somebody says so.
    (world.directory / "d.yaml").write_text(image("d"))
    world.espalier("apply", "-f", "d.yaml")
    head = world.open(3, "taken", {"d.yaml": image("d", "2")})
    world.eventually("the conflict", lambda: "refused: " in last(world.statuses(head, PLAN)))
    world.eventually("its words", lambda: len(world.comments(3)) == 1)
    third = Talk(world, 3)
    answer = third.say("adopt image/d")
    assert "only what is merged" in answer, answer
    merged = merge(world, 3, {"d.yaml": image("d", "2")})
    world.eventually("the refusal", lambda: "**stopped**" in third.shown())
    answer = third.say("adopt image/d")
    assert "Adopted image d" in answer and "taken over from cli" in answer, answer
    world.eventually("the third result", lambda: last(world.statuses(merged, APPLY)).startswith("success: "))
    live = world.espalier("get", "image", "d", "-o", "yaml")
    assert "registry.example/d:2" in live and "manager: git" in live and merged in live, live


if __name__ == "__main__":
    run(play)
