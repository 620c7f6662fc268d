#!/usr/bin/env python3
"""Reads the OpenAPI (v2) of a kube-apiserver and says where it lets images into a Pod.

  openapi.py MODE OPENAPI.json

fields     the fields of a PodSpec that hold an image, one a line, members joined by dots, [] behind a list
kinds      the kinds in which a PodSpec is reached, one a line: GROUP VERSION KIND PATH; a list of a kind does not count
resources  the resources, with their subresources, that are written by sending such a kind: GROUP/VERSION/RESOURCE
manifests  one object for each kind and each field, a JSON List: its image is named example.test/KIND/FIELD, so that whoever reads
           it can be asked what was seen. What a kind requires besides is not there
expected   the images of `manifests`, one a line

A field counts as one that holds an image when its name or its description speaks of images and it is text. Those that do and hold none
are listed below with the reason; one that is listed and not met any more is an error, so that the list cannot rot.
"""
import json
import re
import sys

POD_SPEC = "io.k8s.api.core.v1.PodSpec"

# Definition and member, as they end the walk.
NO_IMAGE = {
    "Container.args": "what is given to the image's entry point",
    "Container.command": "what runs instead of the image's entry point",
    "Container.imagePullPolicy": "when the image is pulled",
    "Container.workingDir": "a folder within the image",
    "EphemeralContainer.args": "as Container.args",
    "EphemeralContainer.command": "as Container.command",
    "EphemeralContainer.imagePullPolicy": "as Container.imagePullPolicy",
    "EphemeralContainer.workingDir": "as Container.workingDir",
    "ImageVolumeSource.pullPolicy": "as Container.imagePullPolicy",
    "PodSecurityContext.supplementalGroupsPolicy": "whether the image's groups are added",
    "RBDVolumeSource.image": "a block device of a Ceph cluster",
    "WindowsSecurityContextOptions.runAsUserName": "a user that may be of the image",
}


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def reference(schema):
    """The definition that a schema names, or None."""
    target = schema.get("$ref")
    if target is None and len(schema.get("allOf", [])) == 1:
        target = schema["allOf"][0].get("$ref")
    return target.rsplit("/", 1)[1] if target else None


def members(definitions, name):
    """(path part, schema) of everything that a definition holds directly."""
    for member, schema in sorted(definitions[name].get("properties", {}).items()):
        part = member
        while schema.get("type") == "array":
            part += "[]"
            schema = dict(schema["items"], description=schema.get("description", "") + schema["items"].get("description", ""))
        if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
            part += "{}"
            schema = dict(schema["additionalProperties"], description=schema.get("description", ""))
        yield part, member, schema


def walk(definitions, name, path=(), above=()):
    """Every leaf below a definition: (path, definition, member, schema). A definition within itself is entered once."""
    for part, member, schema in members(definitions, name):
        target = reference(schema)
        if target is None or "properties" not in definitions[target]:
            yield path + (part,), name, member, schema
        elif target not in above + (name,):
            yield from walk(definitions, target, path + (part,), above + (name,))


def speaks_of_images(definition, member, schema):
    words = " ".join((definition.rsplit(".", 1)[1], member, schema.get("description", "")))
    return schema.get("type") == "string" and re.search(r"image|\bOCI\b|artifact", words, re.IGNORECASE) is not None


def image_fields(definitions):
    met = set()
    fields = []
    for path, definition, member, schema in walk(definitions, POD_SPEC):
        key = definition.rsplit(".", 1)[1] + "." + member
        if not speaks_of_images(definition, member, schema):
            continue
        if key in NO_IMAGE:
            met.add(key)
        else:
            fields.append(".".join(path))
    for key in sorted(set(NO_IMAGE) - met):
        sys.exit("openapi: %s is listed as no image and is not met" % key)
    return sorted(set(fields))


def paths_to_pod_spec(definitions, name, path=(), above=()):
    if name == POD_SPEC:
        yield ".".join(path)
        return
    for part, _, schema in members(definitions, name):
        target = reference(schema)
        if target is not None and target not in above + (name,):
            yield from paths_to_pod_spec(definitions, target, path + (part,), above + (name,))


def pod_kinds(definitions):
    for name in sorted(definitions):
        for of in definitions[name].get("x-kubernetes-group-version-kind", []):
            for path in paths_to_pod_spec(definitions, name):
                is_list = of["kind"].endswith("List") and path.startswith("items[].")
                if not is_list:
                    yield of["group"], of["version"], of["kind"], path


def resources(document, kinds):
    """By the bodies that the write operations take."""
    wanted = {kind[:3] for kind in kinds}
    found = set()
    for path, item in document["paths"].items():
        named = re.match(r"^/(?:api|apis/([^/]+))/([^/]+)/namespaces/\{namespace\}/([^/]+)(?:/\{name\}(?:/([^/]+))?)?$", path)
        for verb in ("post", "put"):
            of = item.get(verb, {}).get("x-kubernetes-group-version-kind")
            if named and of and (of["group"], of["version"], of["kind"]) in wanted:
                group, version, resource, sub = named.groups()
                found.add("%s/%s/%s" % (group or "", version, resource + ("/" + sub if sub else "")))
    return sorted(found)


def build(path, value):
    """The object in which `path` holds `value`."""
    for part in reversed(path.split(".")):
        name = part.rstrip("[]{}")
        if part.endswith("[]"):
            value = [value]
        elif part.endswith("{}"):
            value = {"key": value}
        value = {name: value}
    return value


def merge(a, b):
    for name, value in b.items():
        if isinstance(value, dict) and isinstance(a.get(name), dict):
            merge(a[name], value)
        elif isinstance(value, list) and isinstance(a.get(name), list):
            a[name] += value
        else:
            a[name] = value
    return a


def image_of(kind, field):
    return "example.test/%s/%s" % (kind.lower(), re.sub(r"[^a-z]+", "-", field.lower()).strip("-"))


def manifest(group, version, kind, path, field):
    """A container is there always: no Pod is without, and readers may say so."""
    plain = build(path, {"containers": [{"name": "main", "image": image_of(kind, "plain")}]})
    added = build(path, build(field, image_of(kind, field)))
    head = {"apiVersion": "/".join(filter(None, (group, version))), "kind": kind, "metadata": {"name": "x"}}
    return dict(head, **merge(plain, added))


def main():
    mode, document = sys.argv[1], load(sys.argv[2])
    definitions = document["definitions"]
    fields = image_fields(definitions)
    kinds = list(pod_kinds(definitions))
    if mode == "fields":
        print("\n".join(fields))
    elif mode == "kinds":
        print("\n".join(" ".join((group or '""', *rest)) for group, *rest in kinds))
    elif mode == "resources":
        print("\n".join(resources(document, kinds)))
    elif mode == "manifests":
        json.dump({"apiVersion": "v1", "kind": "List", "items": [manifest(*kind, field) for kind in kinds for field in fields]}, sys.stdout)
    elif mode == "expected":
        print("\n".join(sorted({image_of(kind[2], field) for kind in kinds for field in fields})))
    else:
        sys.exit("openapi: no mode '%s'" % mode)


main()
