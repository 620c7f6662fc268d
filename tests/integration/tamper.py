#!/usr/bin/env python3
"""Copies an image with its evidence to another repository of the same plain-HTTP registry, with one thing changed.

    tamper.py HOST:PORT SOURCE DESTINATION DIGEST CHANGE [OTHER]

CHANGE is `none` (the control: the copy must still be accepted), `signature` (one bit of every signature), `payload` (one more space at
the end of what was signed, still the same JSON), `cut` (every signature one byte short) or `move` (the evidence hangs on the image OTHER,
which is in SOURCE too). Both layouts are carried: the `.sig` and `.att`
tags and the referrers listed under the fallback tag.
"""
import base64
import hashlib
import http.client
import json
import sys

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


def call(method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(HOST, timeout=20)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    data = answer.read()
    location = answer.getheader("Location") or ""
    kind = answer.getheader("Content-Type") or ""
    connection.close()
    if answer.status >= 400 and not (method == "GET" and answer.status == 404):
        sys.exit("%s %s: %d %s" % (method, path, answer.status, data.decode(errors="replace")))
    return answer.status, data, kind, location


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def get_manifest(repository, name):
    status, data, kind, _ = call("GET", "/v2/%s/manifests/%s" % (repository, name),
                                 headers={"Accept": ", ".join((MANIFEST, INDEX, DOCKER))})
    return (data, kind) if status == 200 else (None, None)


def put_manifest(repository, name, data, kind):
    call("PUT", "/v2/%s/manifests/%s" % (repository, name), data, {"Content-Type": kind})


def get_blob(repository, digest):
    return call("GET", "/v2/%s/blobs/%s" % (repository, digest))[1]


def put_blob(repository, data):
    location = call("POST", "/v2/%s/blobs/uploads/" % repository, b"")[3]
    path = location.split(HOST, 1)[1] if HOST in location else location
    call("PUT", path + "&digest=" + digest_of(data), data, {"Content-Type": "application/octet-stream"})


def compact(document):
    return json.dumps(document, separators=(",", ":")).encode()


def changed_signature(text, change):
    signature = bytearray(base64.b64decode(text))
    if change == "signature":
        signature[-1] ^= 1
    if change == "cut":
        del signature[-1]
    return base64.b64encode(bytes(signature)).decode()


def copy_image(source, destination, digest):
    data, kind = get_manifest(source, digest)
    document = json.loads(data)
    for child in document.get("manifests", []):
        copy_image(source, destination, child["digest"])
    for blob in [document["config"]] * ("config" in document) + document.get("layers", []):
        put_blob(destination, get_blob(source, blob["digest"]))
    put_manifest(destination, digest, data, kind)
    return {"mediaType": kind, "digest": digest, "size": len(data)}


def copy_legacy(source, destination, digest, change, subject):
    data, kind = get_manifest(source, digest.replace(":", "-") + ".sig")
    if data is None:
        return 0
    document = json.loads(data)
    put_blob(destination, get_blob(source, document["config"]["digest"]))
    for layer in document["layers"]:
        payload = get_blob(source, layer["digest"])
        if change == "payload":
            payload += b" "
            layer.update(digest=digest_of(payload), size=len(payload))
        put_blob(destination, payload)
        notes = layer["annotations"]
        notes["dev.cosignproject.cosign/signature"] = changed_signature(notes["dev.cosignproject.cosign/signature"], change)
    put_manifest(destination, subject["digest"].replace(":", "-") + ".sig", compact(document), kind)
    return len(document["layers"])


def change_envelope(envelope, change):
    if change == "payload":
        envelope["payload"] = base64.b64encode(base64.b64decode(envelope["payload"]) + b" ").decode()
    envelope["signatures"][0]["sig"] = changed_signature(envelope["signatures"][0]["sig"], change)


def changed_bundle(data, change):
    bundle = json.loads(data)
    change_envelope(bundle["dsseEnvelope"], change)
    return compact(bundle)


def copy_attestations(source, destination, digest, change, subject):
    data, kind = get_manifest(source, digest.replace(":", "-") + ".att")
    if data is None:
        return 0
    document = json.loads(data)
    put_blob(destination, get_blob(source, document["config"]["digest"]))
    for layer in document["layers"]:
        envelope = json.loads(get_blob(source, layer["digest"]))
        change_envelope(envelope, change)
        content = compact(envelope)
        put_blob(destination, content)
        layer.update(digest=digest_of(content), size=len(content))
    put_manifest(destination, subject["digest"].replace(":", "-") + ".att", compact(document), kind)
    return len(document["layers"])


def copy_referrers(source, destination, digest, change, subject):
    data, _ = get_manifest(source, digest.replace(":", "-"))
    if data is None:
        return 0
    index = json.loads(data)
    for entry in index["manifests"]:
        document = json.loads(get_manifest(source, entry["digest"])[0])
        put_blob(destination, get_blob(source, document["config"]["digest"]))
        bundle = changed_bundle(get_blob(source, document["layers"][0]["digest"]), change)
        put_blob(destination, bundle)
        document["layers"][0].update(digest=digest_of(bundle), size=len(bundle))
        document["subject"] = subject
        manifest = compact(document)
        put_manifest(destination, digest_of(manifest), manifest, MANIFEST)
        entry.update(digest=digest_of(manifest), size=len(manifest))
    put_manifest(destination, subject["digest"].replace(":", "-"), compact(index), INDEX)
    return len(index["manifests"])


def main():
    source, destination, digest, change = sys.argv[2:6]
    subject = copy_image(source, destination, sys.argv[6] if change == "move" else digest)
    count = sum(copy(source, destination, digest, change, subject) for copy in (copy_legacy, copy_attestations, copy_referrers))
    if count == 0:
        sys.exit("nothing hangs on " + digest)


HOST = sys.argv[1]
main()
