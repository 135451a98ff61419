"""Serves the bare repositories of a folder over http, by git's own http-backend, to one user.

    git_server.py FOLDER USER PASSWORD READY_FILE

Listens on a free port of 127.0.0.1 and writes it to READY_FILE. Python's standard library only.
"""
import base64
import http.server
import os
import pathlib
import subprocess
import sys
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    folder = wanted = None

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != self.wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="repositories"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path = urllib.parse.urlsplit(self.path)
        done = subprocess.run(["git", "http-backend"], input=body, stdout=subprocess.PIPE, check=True, env={
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": self.folder, "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command, "PATH_INFO": path.path, "QUERY_STRING": path.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "REMOTE_USER": "user"})
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        self.send_response(int(dict(headers).get("Status", "200").split()[0]))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer


def main():
    folder, user, password, ready = sys.argv[1:]
    Handler.folder = folder
    Handler.wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pathlib.Path(ready).write_text(f"127.0.0.1:{server.server_port}")
    server.serve_forever()


if __name__ == "__main__":
    main()
