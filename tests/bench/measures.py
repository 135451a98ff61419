"""What the benchmarks measure, and what is wanted of it. A benchmark that does not report each of its
measures has failed; what it reports beside them is kept in the document without a goal.

`goal` is what releases are held to; `design` is where we want to arrive, where that is further."""
import collections

Measure = collections.namedtuple("Measure", "name what unit goal design", defaults=("", ""))

AT_LEAST, AT_MOST, BELOW = ">=", "<=", "<"

# benchmark -> its measures, in the order of the table
MEASURES = {
    "sched": [
        Measure("sched/BM_ReleaseAndPlace/hosts:10000/strategy:1",
                "placements, 10,000 hosts, every feature on, one core",
                "decisions/s", ">= 20000", ">= 100000"),
    ],
    "store": [
        Measure("store/grouped/16_writers_of_1/writes", "durable writes, 16 writers",
                "writes/s", ">= 10000", ">= 25000"),
        Measure("store/grouped/64_writers_of_1/writes", "durable writes, 64 writers",
                "writes/s", ">= 10000", ">= 25000"),
        Measure("store/single/p99", "one acknowledged write, p99", "ms", "<= 5"),
    ],
    "load": [
        Measure("load/10000_objects/cold", "10,000 objects of YAML read and checked",
                "s", "<= 3"),
        Measure("load/10000_objects/warm", "the same after a change of one file of 100",
                "s", "<= 0.2"),
    ],
    "gitops": [
        # A repository of 10,000 objects in 400 files, on the disk.
        Measure("gitops/fetch/clone", "10,000 objects in 400 files of git: first fetch", "s"),
        Measure("gitops/fetch/one_file", "fetch of a commit that changed one file, median", "s",
                "<= 0.3"),
        Measure("gitops/fetch/nothing_new", "fetch that finds nothing new", "s"),
        Measure("gitops/validate/cold", "all of it read and checked", "s", "<= 3"),
        Measure("gitops/validate/warm", "the same after a change of one file, median", "s",
                "<= 0.2"),
    ],
    "gitops_service": [
        Measure("gitops/apply/rate", "from a new GitSource to its 10,000 objects applied",
                "objects/s", ">= 500"),
        Measure("gitops/push", "webhook of a push that changed one file -> applied, median", "s"),
        Measure("gitops/memory", "espalier-reconciler's resident memory after that", "MiB", "<= 150"),
        Measure("gitops/memory/peak", "its VmHWM", "MiB", "<= 150"),
        Measure("gitops/idle", "its processor time while nothing happens, polling every 30 s", "%",
                "< 1"),
    ],
    "pulls": [
        # Into that repository, each changes one file; the forge is one that plays GitHub.
        Measure("pulls/first_status", "webhook of a new pull request -> its first status, median", "s",
                "<= 2"),
        Measure("pulls/comment/p50", "the same -> its plan as a comment, p50", "s"),
        Measure("pulls/comment/p95", "the same, p95", "s", "<= 10"),
        Measure("pulls/memory", "espalier-reconciler's resident memory after that", "MiB", "<= 150"),
    ],
    "pulls_unchanged": [
        Measure("pulls/unchanged/calls", "calls of the forge while 1,000 open pull requests do not change",
                "calls", "<= 0"),
        Measure("pulls/unchanged/processor", "processor time meanwhile, asking git every 10 s", "%"),
    ],
    "creates": [
        Measure("rest/creates/no_hosts", "VMs created over REST, 4 connections, no hosts",
                "creates/s", ">= 3000", ">= 5000"),
        Measure("rest/creates/no_hosts/p99", "one of those creates, p99", "ms"),
    ],
    "plan": [
        Measure("plan/new_set", "plan of a set of new VMs over gRPC", "s"),
        Measure("plan/unchanged_set", "plan of the same set once it is there", "s"),
        Measure("plan/apply/rate", "that set applied", "objects/s", ">= 500"),
    ],
    "fleet": [
        Measure("arrival/few_standing/p50", "create -> agent has it, few VMs standing, p50",
                "ms", "<= 5"),
        Measure("arrival/few_standing/p99", "the same, p99", "ms", "<= 25"),
        Measure("arrival/many_standing/p50", "create -> agent has it, 10,000 VMs standing, p50",
                "ms", "<= 5"),
        Measure("arrival/many_standing/p99", "the same, p99", "ms", "<= 25"),
        Measure("rest/list/p50", "list of all VMs over REST in pages of 500, p50",
                "ms", "<= 50", "<= 30"),
        Measure("fleet/engine_memory", "espalierd's VmHWM with that fleet, without TLS",
                "MiB", "<= 200", "<= 150"),
        Measure("rest/creates/with_fleet", "creates over REST, 4 connections, with that fleet",
                "creates/s"),
    ],
    "drift": [
        Measure("drift/engine", "a foreign VM appears on a host -> row of the engine's drift, median",
                "s", "<= 5"),
        Measure("drift/reconciler", "the same -> row of the reconciler's report, median", "s",
                "<= 5"),
        Measure("drift/reconciler/max", "the longest of those", "s", "<= 5"),
    ],
    "start": [
        Measure("start/empty", "espalierd: start to serving, nothing stored", "ms", "", "<= 50"),
        Measure("start/many", "the same, 10,000 VMs stored", "ms", "", "<= 300"),
    ],
    "provider": [
        Measure("provider/handshake", "provider: start to handshake line, median",
                "ms", "<= 15", "<= 7"),
        Measure("provider/handshake/processor", "processor time of that, all threads", "ms"),
        Measure("provider/first_schema", "from the line to the first schema over mutual TLS, median",
                "ms"),
        Measure("provider/schema", "a later schema over the same connection, median", "ms",
                "<= 1"),
        Measure("provider/memory", "its VmHWM at the handshake line", "MiB", "<= 15", "<= 14"),
        Measure("provider/memory_with_schema", "its VmHWM once it has sent its schema", "MiB"),
    ],
    "provider_load": [
        # Ten calls at once, as core makes them unless told otherwise.
        Measure("provider/plan", "plan of a VM, the provider's processor time", "us", "<= 60"),
        Measure("provider/lone_plan", "the same, one after the other", "us"),
        Measure("provider/plan_and_ask", "plan of a VM, and the engine is asked", "us"),
        Measure("provider/create", "create of a VM, the provider's processor time", "us",
                "<= 200"),
        Measure("provider/read", "read of a VM, the provider's processor time", "us"),
        Measure("provider/memory_after_plans", "its VmHWM after 10,000 plans", "MiB", "<= 30"),
        Measure("provider/memory_after_all", "and after creates, reads and 10,000 more", "MiB",
                "<= 30"),
        Measure("provider/end", "from the answer to Shutdown to its end", "ms", "<= 10"),
    ],
    "terraform": [
        measure
        for parallelism in (10, 100)
        for name, what, goal in (("plan", "plan of 1,000 new VMs", "<= 130"),
                                 ("apply", "apply of them", ""),
                                 ("refresh", "plan that finds no changes", "<= 220"),
                                 ("destroy", "destroy", ""))
        for measure in (
            Measure(f"terraform/{parallelism}/{name}",
                    f"terraform -parallelism={parallelism}: {what}", "s"),
            Measure(f"terraform/{parallelism}/{name}/processor",
                    "the providers' processor time for each", "us", goal))
    ],
}


def reached(value, goal):
    """Whether a value meets a goal like "<= 5"; None without a goal."""
    if not goal:
        return None
    relation, bound = goal.split()
    bound = float(bound)
    return {AT_LEAST: value >= bound, AT_MOST: value <= bound, BELOW: value < bound}[relation]
