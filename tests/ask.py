"""Ask an admission webhook as the API server does, and print its verdict.

usage: ask.py PORT CA IMAGE     asks about a Pod of one container; exit 0 when it is admitted, else 1
"""

import json
import ssl
import sys
import urllib.request


def review(image):
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": [{"name": "web", "image": image}]},
    }
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "release-engineer"},
            "object": pod,
            "oldObject": None,
            "dryRun": False,
        },
    }


def main():
    port, ca, image = sys.argv[1:]
    request = urllib.request.Request(
        f"https://127.0.0.1:{port}/validate?timeout=10s",
        data=json.dumps(review(image)).encode(),
        headers={"Content-Type": "application/json"},
    )
    context = ssl.create_default_context(cafile=ca)
    with urllib.request.urlopen(request, context=context, timeout=15) as answer:
        response = json.load(answer)["response"]
    if response["allowed"]:
        print("admitted")
        return 0
    print(f"denied ({response['status']['code']}): {response['status']['message']}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
