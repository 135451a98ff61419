"""What processes take to start: the provider as Terraform's core starts it, and the engine."""
import json
import os
import statistics
import subprocess
import tempfile
import time

from plugin import BIN, Plugin, make_certificate

PROBE = os.path.join(BIN, "provider_probe")


def probe(what, plugin, certificate, key, *more):
    """What provider_probe reports of a started provider, as name -> (value, unit)."""
    answer = subprocess.run(
        [PROBE, what, "--socket", plugin.address, "--server-certificate", plugin.fields[5],
         "--certificate", certificate, "--key", key, *map(str, more)],
        capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise RuntimeError(f"provider_probe: {answer.stderr.strip()}")
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    return {line["name"]: (line["value"], line["unit"]) for line in lines}


def provider(launches):
    """Handshakes with mutual TLS, each of a new process; the first calls of each."""
    handshakes, processor, memory, later = [], [], [], []
    calls = {"provider/first_schema": [], "provider/schema": []}
    with tempfile.TemporaryDirectory() as directory:
        key, certificate = make_certificate(directory)
        with open(certificate) as file:
            pem = file.read()
        # The first launch reads the program from the disk.
        for launch in range(launches + 1):
            began = time.perf_counter()
            with Plugin(PLUGIN_CLIENT_CERT=pem) as plugin:
                took = time.perf_counter() - began
                if len(plugin.fields) != 6:
                    raise RuntimeError(f"no handshake line: {plugin.line!r}")
                used, high = plugin.processor_ms(), plugin.status("VmHWM") / 1024
                reports = probe("schema", plugin, certificate, key)
                if launch > 0:
                    handshakes.append(took * 1000)
                    processor.append(used)
                    memory.append(high)
                    later.append(plugin.status("VmHWM") / 1024)
                    for name, values in calls.items():
                        values.append(reports[name][0])
    return {"provider/handshake": (statistics.median(handshakes), "ms"),
            "provider/handshake/processor": (statistics.median(processor), "ms"),
            **{name: (statistics.median(values), "ms") for name, values in calls.items()},
            "provider/memory": (max(memory), "MiB"),
            "provider/memory_with_schema": (max(later), "MiB")}


def provider_load(fleet, size):
    """One provider that plans, creates and reads many VMs of an engine without hosts."""
    with tempfile.TemporaryDirectory() as directory:
        key, certificate = make_certificate(directory)
        with open(certificate) as file:
            pem = file.read()
        with Plugin(PLUGIN_CLIENT_CERT=pem) as plugin:
            return probe("load", plugin, certificate, key, "--pid", plugin.process.pid,
                         "--engine", fleet.engine, "--token", fleet.token, "--image", fleet.image,
                         "--plans", size["plans"], "--creates", size["resources"])


def start_to_serving(fleet, launches):
    """The median of starting espalierd anew in the fleet's data directory, until its ready file is
    there. Each is ended before the next."""
    times = []
    for launch in range(min(launches, 11)):
        ready = os.path.join(fleet.directory, f"start-{launch}.ready")
        began = time.perf_counter()
        process = subprocess.Popen(
            [os.path.join(BIN, "espalierd"), "--data-dir", os.path.join(fleet.directory, "engine"),
             "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--ready-file", ready],
            stderr=subprocess.DEVNULL)
        while not os.path.exists(ready) and process.poll() is None:
            time.sleep(0.0005)
        times.append((time.perf_counter() - began) * 1000)
        if process.poll() is not None:
            raise RuntimeError(f"espalierd ended with {process.returncode}")
        process.terminate()
        process.wait(10)
    return statistics.median(times)
