"""The 64 points: what a provider of plugin protocol 6 has to do, as somebody who writes one has to know it.
The tests carry the number in their name, test_point_21_...; run.py makes docs/conformance.md of both."""

POINTS = {
    "Process": {
        1: "Started by hand, without core's cookie, it explains itself on stderr and ends with 1; stdout stays empty",
        2: "Whatever the order in which core offers versions, or if it offers none, it speaks 6; offered only 5, it says why it ends",
        3: "Every launch writes one handshake line that parses, and has a key of its own",
        4: "Only core gets in: no certificate, another one's certificate and plain text are all turned away",
        5: "Without TLS where the user switched it off",
        6: "The line has a seventh field exactly if the host asks for one",
        7: "The socket is the user's alone, goes with the process, and a long temporary directory is no obstacle",
        8: "A command leaves no process behind, and core never has to kill one",
        9: "Start and memory stay below a budget",
        10: "Core killed with -9: the provider is gone within seconds, its socket too",
        11: "An interrupt during a slow create keeps what is there, and the next run goes on with it",
        12: "Log lines arrive with their level and keys, none can break core, and none is put into words that nobody reads",
        13: "A crash is shown to the user with its stack",
        14: "A process started for debugging serves one command after another and ends on interrupt",
        15: "The versions of Terraform and OpenTofu that we claim",
    },
    "Schema": {
        16: "The schema is the committed one, and everything in it has a description",
        17: "One schema call per command; any call may be a process' first",
        18: "Core accepts the schema of every type",
        19: "The schema's size is known and far below core's limit",
        20: "Deprecated warns (nothing is deprecated yet), sensitive is masked, write-only is refused by a core that would store it",
    },
    "Values": {
        21: "Numbers that int64 and double cannot hold are carried exactly, or refused, never rounded",
        22: "Text of any script and any normal form, the empty one and a megabyte of it, comes back as it is",
        23: "Absent and empty are told apart",
        24: "A dynamic attribute takes a value of any type",
        25: "The order of a set means nothing",
        26: "A value may be unknown in every place of a configuration",
        27: "What core knows of an unknown value is understood, and what we promise of one is kept",
        28: "State with attributes too many or too few loads",
    },
    "Lifecycle": {
        29: "After a create there is nothing left to plan, before and after a refresh",
        30: "Every attribute that can change in place does, alone, and nothing is left to plan",
        31: "Exactly the immutable attributes replace, each by its own path",
        32: "create_before_destroy works under another name, and is refused clearly under the same",
        33: "Destroyed is gone, seen from elsewhere; destroying what is gone succeeds",
        34: "What disappeared is planned anew",
        35: "Drift of every attribute is shown and mended",
        36: "Another spelling of the same is no drift",
        37: "Every refusal and failure of the engine, at every call: an error that says what to do, never a silent removal",
        38: "A create that fails half way is in state, tainted, and the next apply replaces it",
        39: "A failed update leaves the truth in state, and the next plan shows the rest",
        40: "Whatever fails at a delete, the object stays in state",
        41: "Private data survives refresh, import and upgrade",
        42: "Only what may change is unknown in a plan",
        43: "Values that are known at apply only do not surprise core",
        44: "ignore_changes, -replace, -target, -refresh-only and -refresh=false do what they say",
        45: "What must not be destroyed is refused by the plan",
        46: "The same configuration gives the same plan, byte for byte",
    },
    "Import, move, upgrade": {
        47: "Import by id gives what apply gave; a wrong id and a missing object are explained",
        48: "An import block writes a configuration that plans nothing",
        49: "Import by identity, and an identity that stays",
        50: "State of every released schema version is read",
        51: "moved from a foreign type is refused with a way out",
        52: "terraform query lists up to its limit and stops asking when it has enough",
    },
    "Others": {
        53: "A data source whose name is not known yet waits for apply; one that is not there is an error at its attribute",
        54: "An ephemeral value is nowhere on disk, lasts for the whole run without being renewed, and is closed exactly once",
        55: "A secret is in no state, no plan and no log",
        56: "Functions with null, unknown, wrong and many arguments; an error points at its argument",
        57: "An action shows its progress and ends exactly once; its failure fails the apply",
        58: "A provider block that is unknown, incomplete or wrong is told at its attribute; the environment fills in",
        59: "Hundreds of objects at -parallelism=100, and calls at random in parallel",
        60: "50 MB in one element",
        61: "Two aliases at two engines do not mix",
        62: "terraform validate calls nobody",
        63: "Any bytes at all: a diagnostic, never a crash",
        64: "terraform test with mock_provider and overrides",
    },
}

# Modules of tests/e2e/provider whose tests show points as well; run.py runs them with its own, and nobody
# else does.
ELSEWHERE = ("action_test", "canary_test", "ephemeral_test", "functions_test", "import_test", "list_test",
             "mock_test")

# Unit tests that show a point which no core provokes, or not in every place.
UNIT = {
    12: (("provider_log_cost_test", "*"), ("provider_test", "CoreLogTest.*")),
    37: (("provider_test", "FaultTest.*"), ("provider_test", "ProviderTest.NeverTakesAnErrorForAbsence")),
    50: (("provider_test", "StateTest.*"),),
    57: (("provider_test", "ActionsTest.*"),),
}

# Of what is not run in full every time.
REDUCED = {
    3: "30 launches; ESPALIER_LONG=1 makes 1,000",
    46: "5 plans; ESPALIER_LONG=1 makes 100",
    59: "100 objects; ESPALIER_LONG=1 makes 500, and e2e_provider_scale starts 500 VMs",
}
