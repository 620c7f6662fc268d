#!/usr/bin/env python3
"""A small registry that serves OCI layouts and does one thing wrong, which the repository's name says.

    faultregistry.py --addr-file F [--listen HOST:PORT] [--other HOST:PORT] NAME=LAYOUT...

A repository is NAME/FAULT/WHERE[/WORD]: which layout, what goes wrong (`ok`: nothing), and in which answers: `image` (the manifest or index
that is asked for first), `referrers` (the list), `evidence` (manifests of signatures), `blob`, `all`. WORD makes another repository of it,
with a count of its own. The referrers API is there; its lists are made from the layout. The fault `switch` is the one that a request for
/control/WORD/FAULT named last. One line per request goes to standard output, with `authorization` or `anonymous` at its end.
"""
import argparse
import hashlib
import itertools
import json
import os
import socket
import struct
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EMPTY = "application/vnd.oci.empty.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compact(document):
    return json.dumps(document, separators=(",", ":")).encode()


class Layout:
    def __init__(self, directory):
        self.directory = directory
        self.extra = {}  # made here: digest -> (media type, bytes)
        self.tags = {}
        self.types = {}
        self.referrers = []
        index = json.load(open(os.path.join(directory, "index.json")))
        for entry in index["manifests"]:
            self.take(entry)
        self.image = self.tags["v1"]

    def take(self, entry):
        digest = entry["digest"]
        self.types[digest] = entry["mediaType"]
        tag = entry.get("annotations", {}).get("org.opencontainers.image.ref.name")
        if tag:
            self.tags[tag] = digest
        manifest = json.loads(self.read(digest))
        for child in manifest.get("manifests", []):
            self.take(child)
        if "subject" in manifest and all(digest != known["digest"] for known in self.referrers):
            self.referrers.append({"mediaType": entry["mediaType"], "digest": digest, "size": len(self.read(digest)),
                                   "artifactType": manifest.get("artifactType", manifest["config"]["mediaType"]),
                                   "annotations": manifest.get("annotations", {}), "_subject": manifest["subject"]["digest"]})

    def read(self, digest):
        if digest in self.extra:
            return self.extra[digest][1]
        try:
            return open(os.path.join(self.directory, "blobs", *digest.split(":")), "rb").read()
        except OSError:
            return None

    def junk(self, count, artifact_type, stored):
        """Referrers that prove nothing, `stored` ones with a manifest and a blob of that type behind them."""
        entries = []
        for i in range(count):
            blob = b'{"junk":%d}' % i
            document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type,
                        "config": {"mediaType": EMPTY, "digest": digest_of(b"{}"), "size": 2},
                        "layers": [{"mediaType": artifact_type, "digest": digest_of(blob), "size": len(blob)}],
                        "subject": {"mediaType": MANIFEST, "digest": self.image, "size": len(self.read(self.image))}}
            data = compact(document)
            entry = {"mediaType": MANIFEST, "digest": digest_of(data), "size": len(data), "artifactType": artifact_type}
            if stored:
                self.extra[entry["digest"]] = (MANIFEST, data)
                self.extra[digest_of(blob)] = ("application/octet-stream", blob)
            entries.append(entry)
        return entries


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, status):
        whose = "authorization" if "Authorization" in self.headers else "anonymous"
        sys.stdout.write("%s %s %s %s\n" % (self.command, self.path, status, whose))  # at once: many threads write lines
        sys.stdout.flush()

    def answer(self, status, body=b"", kind="application/json", headers=(), length=None):
        self.say(status)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, headers=()):
        self.answer(status, compact({"errors": [{"code": code, "message": "said by the test"}]}), headers=headers)

    def do_HEAD(self):
        self.serve()

    def do_GET(self):
        self.serve()

    def serve(self):
        parts = urlsplit(self.path)
        words = parts.path.strip("/").split("/")
        if words[0] == "token":
            self.answer(200, compact({"token": "for-anyone", "expires_in": 300}))
        elif words == ["v2"]:
            self.answer(200, b"{}")
        elif words[0] == "control":
            self.server.switches[words[1]] = words[2]
            self.answer(200, b"{}")
        elif len(words) not in (6, 7) or words[1] not in self.server.layouts:
            self.error(404, "NAME_UNKNOWN")
        else:
            self.route(words[1:-2], words[-2], words[-1], parse_qs(parts.query))

    def route(self, repository, what, ref, query):
        name, fault, where = repository[:3]
        layout = self.server.layouts[name]
        if fault == "switch":
            fault = self.server.switches.get(repository[-1], "ok")
        body, kind, place = self.find(layout, what, ref, fault, query)
        if body is None:
            self.error(404, "MANIFEST_UNKNOWN" if what == "manifests" else "BLOB_UNKNOWN")
            return
        headers = [] if place == "referrers" else [("Docker-Content-Digest", digest_of(body))]
        if where not in (place, "all"):
            self.answer(200, body, kind, headers)
            return
        with self.server.lock:
            self.server.seen[(*repository, what)] += 1
            count = self.server.seen[(*repository, what)]
        name, _, argument = fault.partition("-")
        method = getattr(self, "fault_" + name, None)
        if method is None:
            self.error(500, "NO_SUCH_FAULT")
            return
        method(argument, body, kind, headers, count)

    def find(self, layout, what, ref, fault, query):
        if what == "referrers":
            return self.list(layout, ref, fault, query), INDEX, "referrers"
        if what == "blobs":
            return layout.read(ref), "application/octet-stream", "blob"
        digest = layout.tags.get(ref, ref)
        kind = layout.types.get(digest) or layout.extra.get(digest, (MANIFEST,))[0]
        return layout.read(digest), kind, "image" if digest == layout.image else "evidence"

    def list(self, layout, digest, fault, query):
        entries = [{k: v for k, v in entry.items() if k != "_subject"} for entry in layout.referrers if entry["_subject"] == digest]
        word, _, count = fault.partition("-")
        if word == "junk":  # of another type, and nothing behind the entries
            entries = layout.junk(int(count), "application/vnd.example.sbom", False) + entries
        if word == "same":  # of the very type, each with a manifest and a blob
            entries = layout.junk(int(count), BUNDLE, True) + entries
        if word == "listtype":
            for entry in entries:
                entry.pop("annotations", None)
                if count == "config":
                    entry["artifactType"] = EMPTY
                else:
                    entry.pop("artifactType", None)
        if word == "pages":  # the good one on the last page
            page = int(query.get("page", ["1"])[0])
            if page < int(count):
                entries = layout.junk(1, "application/vnd.example.page%d" % page, False)
        return compact({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})

    # One method per fault; `argument` is what follows the first dash of its name.

    def fault_ok(self, _argument, body, kind, headers, _count):
        self.answer(200, body, kind, headers)

    fault_junk = fault_same = fault_listtype = fault_ok

    def hang_up(self, reset):
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close() if reset else self.connection.shutdown(socket.SHUT_RDWR)

    def begin(self, body, kind, headers, length):
        self.say(200)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        for name, value in headers:
            self.send_header(name, value)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def fault_reset(self, argument, body, kind, headers, count):
        if argument == "once" and count > 1:
            self.answer(200, body, kind, headers)
            return
        if argument == "body":
            self.begin(body, kind, headers, len(body))
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            time.sleep(0.05)  # the half arrives before the reset overtakes it
        self.say("reset")
        self.hang_up(True)

    def fault_drip(self, argument, body, kind, headers, _count):
        """argument: pieces-milliseconds."""
        pieces, pause = (int(word) for word in argument.split("-"))
        self.begin(body, kind, headers, len(body))
        size = -(-len(body) // pieces)
        try:
            for i in range(0, len(body), size):
                self.wfile.write(body[i : i + size])
                self.wfile.flush()
                time.sleep(pause / 1000)
        except OSError:
            self.close_connection = True

    def fault_hang(self, argument, body, kind, headers, _count):
        if argument != "header":
            self.begin(body, kind, headers, len(body))
            self.wfile.write(body[: int(argument)])
            self.wfile.flush()
        self.connection.settimeout(30)
        try:
            while self.connection.recv(1024):
                pass
        except OSError:
            pass
        self.close_connection = True

    def fault_slow(self, argument, body, kind, headers, _count):
        """argument: milliseconds before each answer."""
        time.sleep(int(argument) / 1000)
        self.answer(200, body, kind, headers)

    def fault_cut(self, _argument, body, kind, headers, _count):
        self.begin(body, kind, headers, len(body))
        self.wfile.write(body[:-1])
        self.wfile.flush()
        self.hang_up(False)

    def fault_status(self, argument, body, kind, headers, count):
        """argument: status, then `once` or a Retry-After."""
        status, _, rest = argument.partition("-")
        if rest == "once" and count > 1:
            self.answer(200, body, kind, headers)
            return
        extra = [("Retry-After", "0" if rest == "once" else rest)] if rest else []
        self.error(int(status), "TEST", extra)

    def fault_wrong(self, argument, body, kind, headers, _count):
        if argument == "digest":  # one bit, the same length
            self.answer(200, body[:-1] + bytes([body[-1] ^ 1]), kind, headers)
        elif argument == "space":  # the same JSON
            self.answer(200, body + b" ", kind, headers)
        elif argument == "short":
            self.answer(200, body[:-1], kind, headers)
        elif argument == "empty":
            self.answer(200, b"", kind, headers)
        elif argument == "type":
            self.answer(200, body, "text/html", headers)
        elif argument == "page":
            self.answer(200, b"<html>please log in</html>", "text/html")
        elif argument == "header":
            self.answer(200, body, kind, [("Docker-Content-Digest", "sha256:" + "0" * 64)])
        elif argument == "head":  # another digest in the answer to each HEAD, the truth to GET
            if self.command == "HEAD":
                headers = [("Docker-Content-Digest", digest_of(os.urandom(8)))]
            self.answer(200, body, kind, headers)

    def fault_more(self, _argument, body, kind, headers, _count):
        """Sends more than it said; the rest is not part of the answer."""
        self.answer(200, body + b"more than was said", kind, headers, length=len(body))
        self.close_connection = True

    def fault_endless(self, argument, body, kind, headers, _count):
        self.begin(body, kind, headers, 1 << 40 if argument == "length" else None)
        piece = b" " * 65536
        try:
            for _ in itertools.count():
                self.wfile.write(piece if argument == "length" else b"10000\r\n" + piece + b"\r\n")
        except OSError:
            self.close_connection = True

    def fault_huge(self, argument, body, kind, headers, _count):
        """A body of so many bytes, by white space after the JSON, with the digest that it has."""
        body += b" " * (int(argument) - len(body))
        self.answer(200, body, kind, [("Docker-Content-Digest", digest_of(body))])

    def fault_redirect(self, argument, body, kind, headers, _count):
        here = "http://%s" % self.headers["Host"]
        path = self.path
        if argument == "other":
            path = "http://%s%s" % (self.server.other, self.path.replace("/redirect-other/", "/ok/"))
        elif argument == "loop":
            path = here + self.path
        elif argument == "file":
            path = "file:///etc/passwd"
        self.answer(307, b"", headers=[("Location", path)])

    def fault_pages(self, argument, body, kind, headers, _count):
        page = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
        if page < int(argument):
            headers = headers + [("Link", '<%s?page=%d>; rel="next"' % (urlsplit(self.path).path, page + 1))]
        self.answer(200, body, kind, headers)

    def fault_link(self, argument, body, kind, headers, _count):
        target = self.path if argument == "loop" else "http://%s%s" % (self.server.other, self.path)
        self.answer(200, body, kind, headers + [("Link", '<%s>; rel="next"' % target)])

    def fault_realm(self, _argument, body, kind, headers, _count):
        """401 with a token realm on a host of another name; any bearer token opens."""
        if self.headers.get("Authorization", "").startswith("Bearer "):
            self.answer(200, body, kind, headers)
        else:
            self.error(401, "UNAUTHORIZED", [("WWW-Authenticate", 'Bearer realm="http://%s/token",service="test"' % self.server.other.replace("127.0.0.1", "localhost"))])

    def fault_flip(self, argument, body, kind, headers, count):
        """A tag that names this image for the first request and the layout's `other` for every later one; with `swap` the two in turn."""
        if (count % 2 == 0 if argument == "swap" else count > 1) and urlsplit(self.path).path.endswith("/v1"):
            layout = self.server.layouts[urlsplit(self.path).path.split("/")[2]]
            body = layout.read(layout.tags["other"])
            headers = [("Docker-Content-Digest", digest_of(body))]
        self.answer(200, body, kind, headers)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that gives up is what many of the faults are for


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--addr-file", required=True)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--other", default="")
    parser.add_argument("layouts", nargs="+")
    options = parser.parse_args()
    host, port = options.listen.split(":")
    server = Server((host, int(port)), Handler)
    server.layouts = {name: Layout(path) for name, path in (word.split("=", 1) for word in options.layouts)}
    server.other = options.other
    server.switches = {}
    server.seen = Counter()
    server.lock = threading.Lock()
    with open(options.addr_file + ".new", "w") as out:
        out.write("127.0.0.1:%d" % server.server_address[1])
    os.rename(options.addr_file + ".new", options.addr_file)
    server.serve_forever()


main()
