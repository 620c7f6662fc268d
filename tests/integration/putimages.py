#!/usr/bin/env python3
"""Images and a slow way to them, for the tests of many images.

    putimages.py put HOST:PORT < LINES      each line "REPOSITORY TAG TEXT": pushes an image, another for each TEXT, prints "REPOSITORY TAG DIGEST"
    putimages.py layouts FOLDER N           OCI layouts FOLDER/storm0, storm1... of 50 images to be signed and 2 others each, N of the former; beside
                                            each a .list of "signed DIGEST" and "unsigned DIGEST"
    putimages.py slow HOST:PORT MS FILE     passes GET and HEAD on after MS milliseconds; its own address goes to FILE
"""
import hashlib
import http.client
import http.server
import json
import os
import sys
import time


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def call(connection, method, path, body, headers):
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        sys.exit("%s %s: %d %s" % (method, path, answer.status, text.decode(errors="replace")))
    return answer


def put_blob(connection, host, repository, kind, data):
    location = call(connection, "POST", "/v2/%s/blobs/uploads/" % repository, b"", {}).getheader("Location").split(host, 1)[1]
    call(connection, "PUT", location + "&digest=" + digest_of(data), data, {"Content-Type": "application/octet-stream"})
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": digest_of(data), "size": len(data)}


def put(host):
    connection = http.client.HTTPConnection(host)
    blobs = {}
    media = "application/vnd.oci.image.manifest.v1+json"
    config = b'{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'
    for line in sys.stdin:
        repository, tag, text = line.split()
        if repository not in blobs:
            blobs[repository] = (put_blob(connection, host, repository, "config.v1+json", config),
                                 put_blob(connection, host, repository, "layer.v1.tar", bytes(10240)))
        config_of, layer = blobs[repository]
        body = json.dumps({"schemaVersion": 2, "mediaType": media, "config": config_of, "layers": [layer],
                           "annotations": {"text": text}}).encode()
        call(connection, "PUT", "/v2/%s/manifests/%s" % (repository, tag), body, {"Content-Type": media})
        print(repository, tag, digest_of(body))


def layouts(folder, count):
    media = "application/vnd.oci.image.manifest.v1+json"
    for number in range(count // 50):
        place = os.path.join(folder, "storm%d" % number)
        os.makedirs(os.path.join(place, "blobs/sha256"))

        def blob(data):
            with open(os.path.join(place, "blobs", *digest_of(data).split(":")), "wb") as out:
                out.write(data)
            return {"digest": digest_of(data), "size": len(data)}

        config = {"mediaType": "application/vnd.oci.image.config.v1+json", **blob(b'{"architecture":"amd64","os":"linux"}')}
        images = []
        with open(place + ".list", "w") as out:
            for i in range(52):
                manifest = {"schemaVersion": 2, "mediaType": media, "config": config, "layers": [], "annotations": {"text": "%d of %d" % (i, number)}}
                images.append({"mediaType": media, **blob(json.dumps(manifest).encode()),
                               "annotations": {"org.opencontainers.image.ref.name": "v%d" % i}})
                print("signed" if i < 50 else "unsigned", images[-1]["digest"], file=out)
        with open(os.path.join(place, "index.json"), "w") as out:
            json.dump({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": images}, out)
        with open(os.path.join(place, "oci-layout"), "w") as out:
            out.write('{"imageLayoutVersion":"1.0.0"}')


class Slow(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target, seconds = "", 0.0

    def log_message(self, *_):
        pass

    def do_GET(self):
        time.sleep(self.seconds)
        connection = http.client.HTTPConnection(self.target)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        connection.request(self.command, self.path, None, headers)
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("date", "content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
        connection.close()

    do_HEAD = do_GET


def slow(target, milliseconds, path):
    Slow.target, Slow.seconds = target, int(milliseconds) / 1000
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    with open(path, "w") as out:
        out.write("127.0.0.1:%d" % server.server_address[1])
    server.serve_forever()


if sys.argv[1:2] == ["put"]:
    put(sys.argv[2])
elif sys.argv[1:2] == ["layouts"]:
    layouts(sys.argv[2], int(sys.argv[3]))
else:
    slow(*sys.argv[2:5])
