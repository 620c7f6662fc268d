#!/usr/bin/env python3
"""Pushes N images that differ in one annotation to a plain-HTTP registry: many.py HOST:PORT REPOSITORY N. Prints their references."""
import hashlib
import http.client
import json
import sys


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def call(connection, method, path, body, headers):
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        sys.exit("%s %s: %d %s" % (method, path, answer.status, text.decode(errors="replace")))
    return answer


def main():
    host, repository, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    connection = http.client.HTTPConnection(host)
    descriptors = []
    for kind, data in (("config.v1+json", b'{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'),
                       ("layer.v1.tar", bytes(10240))):
        location = call(connection, "POST", "/v2/%s/blobs/uploads/" % repository, b"", {}).getheader("Location").split(host, 1)[1]
        call(connection, "PUT", location + "&digest=" + digest_of(data), data, {"Content-Type": "application/octet-stream"})
        descriptors.append({"mediaType": "application/vnd.oci.image." + kind, "digest": digest_of(data), "size": len(data)})
    for i in range(count):
        media = "application/vnd.oci.image.manifest.v1+json"
        body = json.dumps({"schemaVersion": 2, "mediaType": media, "config": descriptors[0], "layers": descriptors[1:],
                           "annotations": {"number": str(i)}}).encode()
        call(connection, "PUT", "/v2/%s/manifests/%s" % (repository, digest_of(body)), body, {"Content-Type": media})
        print("%s/%s@%s" % (host, repository, digest_of(body)))


main()
