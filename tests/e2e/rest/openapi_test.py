#!/usr/bin/env python3
"""Drives every path and method of the OpenAPI document that a real engine serves, with answers that are
well and answers that are errors, and holds each against the document: status, content type, schema.

What is not exercised fails the test, so a path that is added to the document is added here or is
covered by the walk over the kinds. Ends with 77 (skipped) where `tools/setup --full` has not
installed jsonschema."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("ESPALIER_BIN", ROOT / "build/release/bin"))
try:
    import jsonschema
except ImportError:
    print("jsonschema is not installed: tools/setup --full does it")
    sys.exit(77)

# An object of each kind that the engine takes, as the specs of examples/ say it.
SPECS = {
    "clusters": {"scheduling": "pack"},
    "namespaces": {"description": "tests"},
    "hosts": {"macos_slots": 2},
    "images": {"reference": "example.test/macos/sonoma:14"},
    "image_caches": {"images": ["example.test/macos/sonoma:14"], "all_hosts": True},
    "vms": {"image": "example.test/macos/sonoma:14", "power": "off"},
    "vm_pools": {"replicas": 1, "template": {"image": "example.test/macos/sonoma:14"}},
    "git_sources": {"repository": "/srv/fleet.git"},
    "registry_credentials": {"registry": "example.test", "username": "u", "password": {"env": "P"}},
}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.type = (headers.get("Content-Type") or "").split(";")[0]

    def json(self):
        return json.loads(self.body)


class OpenApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="espalier-openapi-")
        cls.addClassCleanup(cls.directory.cleanup)
        folder = pathlib.Path(cls.directory.name)
        ready = folder / "ready"
        log = open(folder / "log", "wb")
        cls.addClassCleanup(log.close)
        cls.engine = subprocess.Popen(
            [BIN / "espalierd", "--data-dir", folder / "data", "--grpc", "127.0.0.1:0", "--http",
             "127.0.0.1:0", "--ready-file", ready], stdout=log, stderr=log)
        cls.addClassCleanup(lambda: (cls.engine.terminate(), cls.engine.wait(timeout=15)))
        deadline = time.monotonic() + 60
        while not ready.exists() or not ready.read_text():
            if cls.engine.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((folder / "log").read_text())
            time.sleep(0.05)
        told = json.loads(ready.read_text())
        cls.url = f"http://{told['http']}"
        cls.token = pathlib.Path(told["admin_token_file"]).read_text().strip()
        with urllib.request.urlopen(f"{cls.url}/api/v1/openapi.json", timeout=10) as answer:
            cls.document = json.load(answer)
        cls.exercised = set()

    # Asks, and holds the answer against the document.
    def call(self, method, template, expected, body=None, query="", token=True, headers=None, **names):
        path = template
        for name, value in names.items():
            path = path.replace("{%s}" % name, urllib.parse.quote(value))
        request = urllib.request.Request(self.url + path + (f"?{query}" if query else ""), method=method.upper())
        if token:
            request.add_header("Authorization", f"Bearer {self.token if token is True else token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if body is not None:
            kind = "application/merge-patch+json" if method == "patch" else "application/json"
            request.add_header("Content-Type", kind)
            request.data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=20) as got:
                lines = "watch" in query
                answer = Answer(got.status, got.headers,
                                got.readline() + got.readline() if lines else got.read())
        except urllib.error.HTTPError as error:
            answer = Answer(error.code, error.headers, error.read())
        self.assertIn(answer.status, expected if isinstance(expected, tuple) else (expected,),
                      f"{method} {path}: {answer.body.decode()}")
        self.hold(method, template, answer)
        return answer

    def hold(self, method, template, answer):
        operation = self.document["paths"][template][method]
        responses = operation["responses"]
        response = responses.get(str(answer.status)) or responses.get("default")
        where = f"{method} {template} {answer.status}"
        self.assertIsNotNone(response, f"{where}: the document has no such answer")
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        self.assertIn(answer.type, response["content"], where)
        self.exercised.add((method, template, "ok" if answer.status < 400 else "error"))
        schema = response["content"][answer.type]["schema"]
        if answer.type == "text/plain":
            return
        texts = answer.body.decode().splitlines() if answer.type == "application/jsonl" else [answer.body]
        for text in texts:
            # References point into the document: it goes with the schema.
            validator = jsonschema.Draft202012Validator({**schema, "components": self.document["components"]})
            errors = [f"{'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(json.loads(text))]
            self.assertEqual(errors, [], where)

    def test_open_paths_need_no_token(self):
        for path in ("/healthz", "/readyz", "/metrics", "/api/v1/cluster-info", "/api/v1/openapi.json"):
            self.call("get", path, 200, token=False)

    def test_the_fleet(self):
        self.call("get", "/api/v1/drift", 200)
        self.call("get", "/api/v1/drift", 200, query="manager=git&instance=fleet")
        self.call("get", "/api/v1/drift", 400, query="manager=nobody")
        self.call("get", "/api/v1/drift", 401, token=False)
        image = {"metadata": {"name": "written-down"}, "spec": SPECS["images"]}
        self.call("put", "/api/v1/images/{name}", 200, body=image, name="written-down")
        self.call("delete", "/api/v1/images/{name}", 200, name="written-down")
        mine = self.call("get", "/api/v1/audit", 200, query="kind=image&name=written-down").json()["entries"]
        self.assertEqual([(entry["verb"], entry["subject"]) for entry in mine], [("delete", "admin"), ("create", "admin")])
        page = self.call("get", "/api/v1/audit", 200, query="subject=admin&since=2020-01-01T00:00:00Z&limit=1").json()
        self.assertEqual(len(page["entries"]), 1)
        self.call("get", "/api/v1/audit", 200, query=f"before={page['next_before']}")
        for wrong in ("name=x", "since=yesterday", "limit=many", "before=-1"):
            self.call("get", "/api/v1/audit", 400, query=wrong)
        self.call("get", "/api/v1/audit", 401, token=False)
        vm = {"apiVersion": "espalier/v1", "kind": "Vm", "metadata": {"name": "planned"}, "spec": SPECS["vms"]}
        plan = self.call("post", "/api/v1/plan", 200, body={"items": [vm]}).json()
        self.assertEqual([a["verb"] for a in plan["plan"]["actions"]], ["create"])
        self.call("post", "/api/v1/plan", 400, body="{")
        wrong = self.call("post", "/api/v1/plan", 422, body={"items": [{**vm, "spec": {"imagee": "x", "cpus": 0}}]})
        self.assertGreaterEqual(len(wrong.json()["problems"]), 2)

    def test_every_kind(self):
        paths = [p for p in self.document["paths"] if p.endswith("/{name}")]
        self.assertEqual({p.split("/")[-2] for p in paths}, set(SPECS), "a kind without a spec in this test")
        for path in paths:
            with self.subTest(path):
                self.walk(path, path.removesuffix("/{name}"), SPECS[path.split("/")[-2]])

    def walk(self, path, collection, spec):
        names = {"namespace": "default"} if "{namespace}" in path else {}
        plural = collection.rsplit("/", 1)[1]
        builtin = plural == "clusters"
        one = {**names, "name": "default" if builtin else "one"}
        document = {"metadata": {"name": one["name"]}, "spec": spec}

        # What is not there, and what may not be.
        if not builtin:
            self.call("get", path, 404, **one)
            self.call("patch", path, 404, body={"spec": {}}, **one)
            self.call("delete", path, 404, **one)
        for method, at in (("get", collection), ("post", collection), ("get", path), ("put", path),
                           ("patch", path), ("delete", path)):
            self.call(method, at, 401, body={} if method in ("post", "put", "patch") else None, token=False, **one)
        self.call("post", collection, 400, body="no json", **names)
        self.call("put", path, 422, body={**document, "sepc": {}}, **one)
        self.call("get", collection, 400, query="page_size=many", **names)
        self.call("get", collection, 400, query="labels=nothing", **names)
        self.call("delete", path, 400, query="override", **one)

        # As it would be, then as it is.
        if builtin:
            # It is there and belongs to nobody: the first to create it adopts it.
            self.call("post", collection, 200, body=document, query="dry_run", **names)
            self.call("post", collection, 201, body=document, **names)
        else:
            self.call("post", collection, 200, body=document, query="dry_run", **names)
            self.call("post", collection, 201, body=document, **names)
            self.call("post", collection, 409, body=document, **names)
        stored = self.call("put", path, 200, body=document, **one)
        self.assertEqual(stored.headers["ETag"], f'"{stored.json()["metadata"]["revision"]}"')
        self.call("put", path, 422, body={**document, "metadata": {"name": "another"}}, **one)

        # If-Match: what was read is what is changed.
        labels = {"metadata": {"labels": {"team": "a"}}}
        while True:
            # A controller may write the status of what was just made in between.
            read = self.call("get", path, 200, **one)
            tag = read.headers["ETag"]
            self.assertEqual(tag, f'"{read.json()["metadata"]["revision"]}"')
            changed = self.call("patch", path, (200, 412), body=labels, headers={"If-Match": tag}, **one)
            if changed.status == 200:
                break
        self.assertEqual(changed.json()["metadata"]["labels"], {"team": "a"})
        for method, body in (("patch", {"metadata": {"labels": {"team": "b"}}}), ("put", document)):
            self.call(method, path, 412, body=body, headers={"If-Match": tag}, **one)
        self.call("put", path, 400, body=document, headers={"If-Match": '"x"'}, **one)
        self.call("delete", path, 412, headers={"If-Match": tag}, **one)

        # Lists: by label, page by page, everywhere; and as they change.
        listed = self.call("get", collection, 200, query="labels=team%3Da", **names).json()
        self.assertEqual([item["metadata"]["name"] for item in listed["items"]], [one["name"]])
        if not builtin:
            self.call("post", collection, 201, body={**document, "metadata": {"name": "two"}}, **names)
            seen, page = [], ""
            while True:
                answer = self.call("get", collection, 200, query=f"page_size=1&page={page}", **names).json()
                self.assertLessEqual(len(answer["items"]), 1)
                seen += [item["metadata"]["name"] for item in answer["items"]]
                page = urllib.parse.quote(answer.get("next_page", ""))
                if not page:
                    break
            self.assertTrue({"one", "two"} <= set(seen), seen)
            self.assertEqual(len(seen), len(set(seen)))
        if names:
            self.call("get", f"/api/v1/{plural}", 200)
            self.call("get", f"/api/v1/{plural}", 401, token=False)
        self.call("get", collection, 200, query="watch", **names)
        self.call("get", path, 200, query="watch", **one)
        self.call("get", collection, 410, query="watch&resume=another-epoch.1", **names)

        self.call("delete", path, 200, query="dry_run", **one)
        self.call("delete", path, 200, **one)

    def test_what_is_not_there_is_a_problem_as_well(self):
        for method, path, status in (("GET", "/api/v1/nothing", 404), ("GET", "/", 404), ("POST", "/api/v1/drift", 405),
                                     ("DELETE", "/api/v1/vms", 405), ("GET", "/api/v1/vms/Not%20A%20Name", 404)):
            request = urllib.request.Request(self.url + path, method=method,
                                             headers={"Authorization": f"Bearer {self.token}"})
            with self.assertRaises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=20)
            self.assertEqual(caught.exception.code, status, path)
            self.assertEqual(caught.exception.headers["Content-Type"], "application/problem+json")
            caught.exception.close()

    def test_zz_nothing_in_the_document_was_left_out(self):
        wanted = set()
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                if method == "parameters":
                    continue
                wanted.add((method, path, "ok"))
                if "default" in operation["responses"]:
                    wanted.add((method, path, "error"))
        self.assertEqual(wanted - self.exercised, set())


if __name__ == "__main__":
    unittest.main()
