"""The reconciler as a process: what it takes to apply a repository, to follow a push, and to wait."""
import statistics
import time

from followed import Followed


def service(fleet, size):
    """A repository of many files, followed by a reconciler of its own."""
    objects = size["files"] * size["objects_per_file"]
    with Followed(fleet, files=size["files"], objects_per_file=size["objects_per_file"]) as followed:
        began = time.perf_counter()
        followed.declare_source()
        followed.wait_until_applied(followed.head(), seconds=600)
        took = time.perf_counter() - began
        pushes = []
        for push in range(size["pushes"]):
            commit = followed.push(push % size["files"])
            began = time.perf_counter()
            followed.hook()
            followed.wait_until_applied(commit)
            pushes.append(time.perf_counter() - began)
        # What a push has started comes to rest.
        time.sleep(min(5, size["idle_seconds"]))
        used, began = followed.processor_seconds(), time.perf_counter()
        time.sleep(size["idle_seconds"])
        idle = (followed.processor_seconds() - used) / (time.perf_counter() - began)
        resident = followed.status("VmRSS")
        return {"gitops/apply/rate": (objects / took, "objects/s"),
                "gitops/push": (statistics.median(pushes), "s"),
                "gitops/memory": (resident / 1024, "MiB"),
                "gitops/memory/peak": (followed.status("VmHWM") / 1024, "MiB"),
                # What is below the kernel's tick is not nothing.
                "gitops/idle": (max(100 * idle, 0.001), "%")}
