"""A registry on loopback that knows one tiny image under every name and tag: enough for an engine that
resolves references. What the simulated Macs pull is simulated by themselves."""
import hashlib
import http.server
import json
import threading

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    def __init__(self, system="darwin"):
        config = json.dumps({"os": system, "architecture": "arm64"}).encode()
        disk = b"disk"

        def descriptor(kind, data, **annotations):
            return {"mediaType": kind, "size": len(data), "digest": digest(data),
                    "annotations": annotations}

        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
            "config": descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [descriptor("application/vnd.cirruslabs.tart.disk.v2", disk, **{
                "org.cirruslabs.tart.uncompressed-size": "4",
                "org.cirruslabs.tart.uncompressed-content-digest": digest(disk)})],
            "annotations": {"org.cirruslabs.tart.uncompressed-disk-size": "4"},
        }).encode()
        # Of every image.
        self.digest = digest(manifest)
        blobs = {digest(config): config, digest(disk): disk}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                kind, data = "application/octet-stream", blobs.get(self.path.rsplit("/", 1)[-1])
                if "/manifests/" in self.path:
                    kind, data = MANIFEST_TYPE, manifest
                elif self.path == "/v2/":
                    data = b"{}"
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data or b"")))
                if "/manifests/" in self.path:
                    self.send_header("Docker-Content-Digest", digest(manifest))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data or b"")

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
