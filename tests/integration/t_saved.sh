#!/bin/bash
# What `cosign save` writes: a layout with one image, its signatures told apart by an annotation, its bundles listed nowhere. Ours accepts
# what the real program saved, refuses it with another key or changed, and carries it back to a registry.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

foreign_key key p256
foreign_key stranger p256
pub=$T/key.pub

# change DIR: one character of every signature is another, and all digests are right again.
change()
{
    python3 - "$1" <<'END'
import base64, hashlib, json, os, sys

def path(digest):
    return os.path.join(sys.argv[1], "blobs", "sha256", digest.split(":")[1])

def load(digest):
    with open(path(digest), "rb") as file:
        return file.read()

def store(old, data):
    new = "sha256:" + hashlib.sha256(data).hexdigest()
    os.remove(path(old))
    with open(path(new), "wb") as file:
        file.write(data)
    return {"digest": new, "size": len(data)}

def flipped(text):
    signature = bytearray(base64.b64decode(text))
    signature[-1] ^= 1
    return base64.b64encode(bytes(signature)).decode()

NOTE = "dev.cosignproject.cosign/signature"
index_path = os.path.join(sys.argv[1], "index.json")
index = json.load(open(index_path))
changed = 0
for entry in index["manifests"]:
    if entry["annotations"]["kind"].endswith("/sigs"):
        manifest = json.loads(load(entry["digest"]))
        for layer in manifest["layers"]:
            layer["annotations"][NOTE] = flipped(layer["annotations"][NOTE])
            changed += 1
        entry.update(store(entry["digest"], json.dumps(manifest).encode()))
json.dump(index, open(index_path, "w"))
for name in os.listdir(os.path.join(sys.argv[1], "blobs", "sha256")):
    if not os.path.exists(path("sha256:" + name)):
        continue # changed already
    data = load("sha256:" + name)
    if b'"subject"' not in data or b'"layers"' not in data:
        continue
    manifest = json.loads(data)
    bundle = json.loads(load(manifest["layers"][0]["digest"]))
    envelope = bundle["dsseEnvelope"]["signatures"][0]
    envelope["sig"] = flipped(envelope["sig"])
    manifest["layers"][0].update(store(manifest["layers"][0]["digest"], json.dumps(bundle).encode()))
    store("sha256:" + name, json.dumps(manifest).encode())
    changed += 1
sys.exit(changed == 0)
END
}
export -f change

# suite LABEL: $T/saved holds the image $digest, signed with key.
suite()
{
    local label=$1 saved=oci:$T/saved layers
    check "$label: verifies by digest" 0 "$digest" '' -- "$verify" "$saved@$digest" --key "$pub"
    check "$label: verifies as the only image" 0 "$digest" '' -- "$verify" "$saved" --key "$pub"
    says "$label: another key" 1 'wrong-signer|bad-signature' -- "$verify" "$saved@$digest" --key "$T/stranger.pub"
    check "$label: tree" 0 'sha256:' '' -- "$verify" tree "$saved"
    check "$label: copies to a registry" 0 '' '' -- "$sign" copy "$saved" "$registry/saved/back:$label"
    check "$label: and verifies there" 0 "$digest" '' -- "$verify" "$registry/saved/back:$label" --key "$pub"
    check "$label: and by cosign 3" 0 '' '' -- cosign3_verify --key "$pub" "$registry/saved/back@$digest"

    rm -rf "$T/changed" "$T/damaged"
    cp -r "$T/saved" "$T/changed"
    quietly change "$T/changed"
    says "$label: another signature" 1 'wrong-signer|bad-signature' -- "$verify" "oci:$T/changed@$digest" --key "$pub"
    cp -r "$T/saved" "$T/damaged"
    layers=$(grep -lE '"dsseEnvelope"|"critical"' "$T"/damaged/blobs/sha256/*)
    printf ' ' >>"$layers"
    says "$label: a damaged file" 3 'malformed' -- "$verify" "oci:$T/damaged@$digest" --key "$pub"
    rm "$layers"
    says "$label: a missing file" 3 'not-found|malformed' -- "$verify" "oci:$T/damaged@$digest" --key "$pub"

    check "$label: signs what was saved" 0 '' '' -- "$sign" "$saved@$digest" --key "$T/stranger.key" --format bundle,legacy
    check "$label: which verifies" 0 '' '' -- "$verify" "$saved@$digest" --key "$T/stranger.pub"
    check "$label: as the first still does" 0 '' '' -- "$verify" "$saved@$digest" --key "$pub"
}

start_registry plain plain
for saver in cosign2 cosign3; do
    image "$saver-none" "$registry/$saver/none"
    quietly "$saver" save --allow-http-registry --dir "$T/none" "$ref"
    says "$saver: saved unsigned" 1 'unsigned' -- "$verify" "oci:$T/none@$digest" --key "$pub"
    rm -r "$T/none"
    for signer in cosign2 cosign3; do
        image "$saver-$signer" "$registry/$saver/$signer"
        [ "$signer" = cosign3 ] || quietly cosign2_sign --key "$T/key.key" "$ref"
        [ "$signer" = cosign2 ] || quietly cosign3_sign false --key "$T/key.key" "$ref"
        rm -rf "$T/saved"
        quietly "$saver" save --allow-http-registry --dir "$T/saved" "$ref"
        suite "$saver-save-$signer-legacy"
    done
done
image bundled "$registry/cosign3/bundled"
quietly cosign3_sign true --key "$T/key.key" "$ref"
rm -rf "$T/saved"
quietly cosign3 save --allow-http-registry --dir "$T/saved" "$ref"
assert 'cosign3: lists no bundle in index.json' test "$(jq '.manifests | length' "$T/saved/index.json")" -eq 1
suite cosign3-save-cosign3-bundle

finish
