#!/usr/bin/env python3
"""An HTTPS admission webhook that does as it is told, to see what the API server does about it, and to stand between our two.

  stub.py --cert F --key F --addr-file F [--inject FILE] [--command CMD...]

/allow                 allows
/command               runs CMD, then allows
/inject                appends the container of FILE to the Pod, unless one of its name is there
/busy/N                answers 503 with Retry-After to the first N requests of this path, then allows
/busy-for-good/N       the same without Retry-After

Each request is a line on standard output: the path and the status that was answered.
"""
import argparse
import base64
import http.server
import json
import ssl
import subprocess
import threading

options = None
counts = {}
lock = threading.Lock()


def patch(pod):
    with open(options.inject, encoding="utf-8") as file:
        container = json.load(file)
    if any(c["name"] == container["name"] for c in pod["spec"]["containers"]):
        return {}
    operations = [{"op": "add", "path": "/spec/containers/-", "value": container}]
    return {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(operations).encode()).decode()}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, headers=()):
        print(self.path.split("?")[0], status, flush=True)
        data = json.dumps(body).encode() if body else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def busy(self, path):
        with lock:
            counts[path] = counts.get(path, 0) + 1
            return counts[path] <= int(path.rsplit("/", 1)[1])

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.split("?")[0]
        response = {"uid": review["request"]["uid"], "allowed": True}
        if path.startswith("/busy/") and self.busy(path):
            return self.answer(503, None, [("Retry-After", "1")])
        if path.startswith("/busy-for-good/") and self.busy(path):
            return self.answer(503, None)
        if path == "/command":
            subprocess.run(options.command, check=True, stdout=subprocess.DEVNULL)
        if path == "/inject":
            response.update(patch(review["request"]["object"]))
        return self.answer(200, {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response})

    def log_message(self, *args):
        pass


def main():
    global options
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--addr-file", required=True)
    parser.add_argument("--inject")
    parser.add_argument("--command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with open(options.addr_file, "w", encoding="utf-8") as file:
        file.write("127.0.0.1:%d" % server.server_address[1])
    server.serve_forever()


main()
