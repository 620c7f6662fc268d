"""What the tests of the webhook's faults share: reviews, a caller over TLS, and the program under test. Not a test itself.

Checks print `ok NAME` or `not ok NAME` with a reason, as lib.sh does.
"""
import glob
import http.client
import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

JSON = "application/json"
counts = {"ok": 0, "not ok": 0}


def check(name, condition, seen=""):
    counts["ok" if condition else "not ok"] += 1
    print("%s %s" % ("ok" if condition else "not ok", name), flush=True)
    if not condition:
        print("    " + str(seen)[:600].replace("\n", "\n    "), flush=True)
    return condition


def wait_until(seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def write_new(path, text):
    """As tools that replace configuration do: the file is whole at every moment."""
    with open(path + ".new", "w") as out:
        out.write(text)
    os.rename(path + ".new", path)


def at_once(threads, work, items):
    """The results of work(item), in their order, from so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))


# --- Reviews ---


def pod_of(images):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "test", "namespace": "shop"},
            "spec": {"containers": [{"name": "c%d" % i, "image": image} for i, image in enumerate(images)]}}


def review_of(pod, uid="5b1c0a3e-0001", **more):
    request = {"uid": uid, "kind": {"group": "", "version": "v1", "kind": "Pod"},
               "resource": {"group": "", "version": "v1", "resource": "pods"}, "name": "test", "namespace": "shop",
               "operation": "CREATE", "userInfo": {"username": "tester"}, "object": pod, "oldObject": None, "dryRun": False, **more}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def encode(document):
    return json.dumps(document, separators=(",", ":")).encode()


class Answer:
    """One answer: `status` 0 is a connection error, whose text `why` has."""

    def __init__(self, status, headers, body, seconds, why=""):
        self.status, self.headers, self.body, self.seconds, self.why = status, headers, body, seconds, why
        self.response = {}
        if status == 200 and headers["Content-Type"].startswith(JSON):
            self.response = json.loads(body)["response"]

    @property
    def allowed(self):
        return self.response.get("allowed", False)

    @property
    def code(self):
        return self.response.get("status", {}).get("code", 0)

    @property
    def reasons(self):
        return [cause["reason"] for cause in self.response.get("status", {}).get("details", {}).get("causes", [])]

    @property
    def images(self):
        return json.loads(self.response.get("auditAnnotations", {}).get("images", "[]"))

    def patches(self):
        import base64

        return json.loads(base64.b64decode(self.response["patch"])) if "patch" in self.response else []

    def __str__(self):
        return "status %d in %.2f s: %s%s" % (self.status, self.seconds, self.why, self.body[:400].decode(errors="replace"))


class Caller:
    """One connection that is kept alive, opened again when it has ended."""

    def __init__(self, address, ca, timeout=40, source=""):
        self.address, self.timeout, self.source = address, timeout, source
        self.context = ssl.create_default_context(cafile=ca)
        self.context.check_hostname = False
        self.connection = None
        self.opened = 0

    def connect(self):
        host, port = self.address.rsplit(":", 1)
        self.connection = http.client.HTTPSConnection(host, int(port), timeout=self.timeout, context=self.context,
                                                      source_address=(self.source, 0) if self.source else None)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.opened += 1

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def call(self, method, path, body=None, headers=None):
        start = time.monotonic()
        try:
            if self.connection is None:
                self.connect()
            self.connection.request(method, path, body, headers or {})
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(0, {}, b"", time.monotonic() - start, "%s: %s" % (type(error).__name__, error))
        seconds = time.monotonic() - start
        return Answer(answer.status, answer.headers, text, seconds)

    def review(self, images, timeout="10s", path="/validate", uid="5b1c0a3e-0001"):
        return self.post(encode(review_of(pod_of(images), uid)), timeout, path)

    def post(self, body, timeout="10s", path="/validate", kind=JSON):
        return self.call("POST", "%s?timeout=%s" % (path, timeout), body, {"Content-Type": kind})


# --- The program ---


class World:
    """What the shell prepared: a folder with keys, certificates, layouts; programs; how large the loads are."""

    def __init__(self, folder, webhook, small):
        self.folder, self.webhook, self.small = folder, webhook, small
        self.ca = self.path("tls/ca.pem")
        self.started = []
        self.here = os.path.dirname(os.path.abspath(__file__))
        self.number = 0
        self.signed = {name: open(self.path(name + ".digest")).read().split()[0] for name in ("bundle", "legacy")}
        self.unsigned = {name: open(self.path(name + ".digest")).read().split()[1] for name in ("bundle", "legacy")}

    def path(self, name):
        return os.path.join(self.folder, name)

    def name(self, stem):
        self.number += 1
        return self.path("%s-%d" % (stem, self.number))

    def start(self, command, log, **more):
        with open(log + ".out", "w") as out, open(log + ".err", "w") as err:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **more)
        self.started.append(process)
        return process

    def end(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()

    def registry(self, layouts, listen="127.0.0.1:0"):
        return Registry(self, layouts, listen)

    def sanitizer_reports(self):
        found = glob.glob(self.path("sanitizer.*"))
        return "\n".join(open(name).read() for name in found)


class Registry:
    def __init__(self, world, layouts, listen):
        self.log = world.name("registry")
        self.process = world.start(["python3", os.path.join(world.here, "faultregistry.py"), "--listen", listen,
                                    "--addr-file", self.log + ".addr"] + ["%s=%s" % (name, world.path(name)) for name in layouts],
                                   self.log)
        if not wait_until(15, lambda: os.path.exists(self.log + ".addr")):
            raise SystemExit("the registry does not start")
        self.host = open(self.log + ".addr").read()

    def requests(self):
        return open(self.log + ".out").read().splitlines()

    def switch(self, word, fault):
        connection = http.client.HTTPConnection(self.host, timeout=10)
        connection.request("GET", "/control/%s/%s" % (word, fault))
        connection.getresponse().read()
        connection.close()

    def stop(self):
        self.process.kill()
        self.process.wait()


POLICY = """version: 1
name: faults
serial: %d
unmatched: %s
tags: %s
signers: {release: {key: %s}}
rules: [{name: tests, images: [%s], require: {signed: release}}]
"""


class Webhook:
    """One running webhook with a policy of one rule. `hosts` are those that registries.yaml knows; `images` what the rule matches."""

    def __init__(self, world, hosts, *options, images=None, unmatched="deny", tags="pin", listen="127.0.0.1:0", files=None, wrap=(),
                 lookup="30s"):
        self.world = world
        self.log = world.name("webhook")
        self.policy = self.log + ".yaml"
        self.images = images or ["%s/**" % host for host in hosts]
        self.unmatched, self.tags, self.files = unmatched, tags, files
        write_new(self.policy, self.policy_text(1))
        write_new(self.log + ".registries", "version: 1\nregistries:\n" + "".join(
            "  %s: {plain-http: true, private: true}\n" % host for host in hosts))
        self.command = [*wrap, world.webhook, "--policy", self.policy, "--registries", self.log + ".registries", "--tls-cert",
                        world.path("tls/server.pem"), "--tls-key", world.path("tls/server.key"), "--metrics-listen", "127.0.0.1:0",
                        "--listen", listen, "--lookup-timeout", lookup, *options]
        self.run()

    def policy_text(self, serial, extra=""):
        return POLICY % (serial, self.unmatched, self.tags, self.world.path("key.pub"),
                         ", ".join('"%s"' % image for image in self.images)) + extra

    def limit(self):
        if self.files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))

    def run(self):
        self.process = self.world.start(self.command, self.log, preexec_fn=self.limit)
        if not wait_until(20, lambda: self.event("listening") or self.process.poll() is not None) or not self.event("listening"):
            raise SystemExit("the webhook does not start: " + open(self.log + ".err").read()[-2000:])
        event = self.event("listening")
        self.address, self.metrics_address = event["address"], event["metrics"]

    def restart(self):
        """At the same address."""
        self.command[self.command.index("--listen") + 1] = self.address
        self.run()

    def events(self):
        found = []
        for line in open(self.log + ".err", errors="replace"):
            if line.startswith("{") and line.endswith("}\n"):
                found.append(json.loads(line))
        return found

    def event(self, message):
        return next((event for event in self.events() if event["msg"].startswith(message)), None)

    def caller(self, timeout=40, source=""):
        return Caller(self.address, self.world.ca, timeout, source)

    def review(self, images, timeout="10s", **more):
        """One review over a connection of its own."""
        caller = self.caller()
        answer = caller.review(images, timeout, **more)
        caller.close()
        return answer

    def get(self, path):
        caller = self.caller(10)
        answer = caller.call("GET", path)
        caller.close()
        return answer

    def metrics(self):
        """NAME{LABELS} -> value."""
        connection = http.client.HTTPConnection(self.metrics_address, timeout=10)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def memory(self):
        """Resident bytes."""
        return int(open("/proc/%d/statm" % self.process.pid).read().split()[1]) * resource.getpagesize()

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, name, seconds=45):
        """SIGTERM, twice so that nothing waits for Services: it ends with status 0."""
        alive = self.alive()
        self.signal(signal.SIGTERM)
        time.sleep(0.05)
        if self.alive():
            self.signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = "none after %d s" % seconds
            self.kill()
        check("%s: it was alive, and ends with status 0" % name, alive and status == 0, "alive %s, status %s, %s" % (
            alive, status, open(self.log + ".err").read()[-500:]))


class Load:
    """Reviews from so many threads, each over one connection, until told to stop. `wanted` is a function of (index, answer) that says
    what is wrong, or nothing; connection errors are counted apart."""

    def __init__(self, webhook, threads, image_of, wanted, timeout="10s"):
        self.webhook, self.image_of, self.wanted, self.timeout = webhook, image_of, wanted, timeout
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.answered, self.errors, self.wrong, self.slowest = 0, [], [], 0.0
        self.threads = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def work(self, index):
        caller = self.webhook.caller()
        number = index
        while not self.ended.is_set():
            image = self.image_of(number)
            answer = caller.review([image], self.timeout, uid="load-%d" % number)
            wrong = self.wanted(image, answer) if answer.status else None
            if answer.status == 200 and answer.response["uid"] != "load-%d" % number:
                wrong = "the uid of another review"
            with self.lock:
                self.answered += answer.status != 0
                self.slowest = max(self.slowest, answer.seconds)
                if answer.status == 0:
                    self.errors.append(str(answer))
                if wrong:
                    self.wrong.append("%s: %s" % (wrong, answer))
            if answer.status == 0:
                time.sleep(0.02)
            number += len(self.threads)
        caller.close()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)
