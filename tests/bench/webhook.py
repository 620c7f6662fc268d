#!/usr/bin/env python3
"""Measures the admission webhook; started by webhook.sh, which says what for. Every load that is not answered as expected ends it."""
import argparse
import http.client
import json
import os
import random
import signal
import ssl
import statistics
import subprocess
import sys
import time

REPOSITORY = "bench/app"
ALLOWED = '"allowed":true'


class Server:
    """A program that prints its port first. Ended when the measurement ends."""

    running = []

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        Server.running.append(self.process)
        self.port = int(self.process.stdout.readline())

    @staticmethod
    def used(process):
        """Seconds of CPU, by the clock of the process: the ticks of /proc/PID/stat, finer."""
        return time.clock_gettime((~process.pid << 3) | 2)

    @staticmethod
    def end(process):
        process.send_signal(signal.SIGKILL)
        process.wait()
        Server.running.remove(process)

    def stop(self):
        self.end(self.process)


class Registry(Server):
    """registry.c: its log and its delay."""

    def __init__(self, options, *arguments):
        super().__init__(os.path.join(options.folder, "registry"), *arguments)
        self.host = "127.0.0.1:%d" % self.port
        self.options = options

    def control(self, method, path):
        connection = http.client.HTTPConnection(self.host)
        connection.request(method, path)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def delay(self, milliseconds):
        self.control("PUT", "/bench/delay?ms=%d" % milliseconds)

    def log(self):
        """(came, answered, connection, method, path, status) of each request since the last call."""
        lines = [line.split() for line in self.control("GET", "/bench/log").splitlines()]
        return sorted((int(came), int(done), int(number), method, path, int(status)) for came, done, number, method, path, status in lines)

    def images(self, name, count, layout):
        """Pushes and signs; references by digest and by tag."""
        lines = "".join("%s %s-%d %s-%d\n" % (REPOSITORY, name, i, name, i) for i in range(count))
        put = subprocess.run([sys.executable, self.options.put, "put", self.host], input=lines, stdout=subprocess.PIPE, text=True, check=True)
        words = [line.split() for line in put.stdout.splitlines()]
        by_digest = ["%s/%s@%s" % (self.host, repository, digest) for repository, _, digest in words]
        # Many at once: after the legacy form a signer waits a while to see that nobody else overwrote the list.
        subprocess.run(["xargs", "-P", "32", "-n", "20", self.options.sign, "--key", os.path.join(self.options.folder, "key.key"),
                        "--format", layout, "--allow-http-registry"], input="\n".join(by_digest), text=True, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.log()
        return by_digest, ["%s/%s:%s" % (self.host, repository, tag) for repository, tag, _ in words]


class Webhook:
    def __init__(self, options, *arguments):
        self.log = open(os.path.join(options.folder, "webhook.log"), "w+")
        began = time.monotonic()
        self.process = subprocess.Popen([options.webhook, "--policy", os.path.join(options.folder, "policy.yaml"), "--registries",
                                         os.path.join(options.folder, "registries.yaml"), "--tls-cert",
                                         os.path.join(options.folder, "tls.pem"), "--tls-key", os.path.join(options.folder, "tls.key"),
                                         "--listen", "127.0.0.1:0"] + list(arguments), stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log)
        Server.running.append(self.process)
        self.port = self.listening()
        self.request("GET", "/readyz")
        self.ready = time.monotonic() - began

    def listening(self):
        for _ in range(5000):
            self.log.seek(0)
            for line in self.log:
                if line.endswith("\n") and '"listening"' in line:
                    return int(json.loads(line)["address"].rsplit(":", 1)[1])
            time.sleep(0.001)
        self.log.seek(0)
        sys.exit("the webhook does not listen:\n" + self.log.read())

    def request(self, method, path, body=None):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            sys.exit("%s %s: %d %s" % (method, path, answer.status, text.decode(errors="replace")))
        return text

    def memory(self, field="VmRSS"):
        for line in open("/proc/%d/status" % self.process.pid):
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        return 0

    def stop(self):
        Server.end(self.process)
        self.log.close()


def container(name, image, environment):
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "resources": {"limits": {"cpu": "500m", "memory": "256Mi"},
            "requests": {"cpu": "100m", "memory": "128Mi"}}, "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "env": [{"name": "SETTING_%03d" % i, "value": "value of setting %d, https://service-%d.shop.svc/" % (i, i)} for i in range(environment)],
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10,
                               "successThreshold": 1, "failureThreshold": 3},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True},
            "volumeMounts": [{"name": "token", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}


def pod(images, size):
    """A review as the API server sends it, of about `size` bytes: a controller's Pod; the first of three or more is an init container."""
    def build(environment):
        made = [container("c%d" % i, image, environment // len(images) + (i < environment % len(images))) for i, image in enumerate(images)]
        init = [made.pop(0)] if len(made) > 2 else []
        uid = "%032x" % random.getrandbits(128)
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-6d4cf56db6", "uid": "c0ffee00-1111-2222-3333-444455556666",
                 "controller": True, "blockOwnerDeletion": True}
        fields = {"f:metadata": {"f:generateName": {}, "f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}}, "f:ownerReferences": {
                  ".": {}, 'k:{"uid":"%s"}' % owner["uid"]: {}}}, "f:spec": {"f:containers": {'k:{"name":"c0"}': {".": {}, "f:image": {},
                  "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {}}}, "f:dnsPolicy": {}, "f:restartPolicy": {}}}
        spec = {"volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}], "defaultMode": 420}}],
                "containers": made, "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
                "serviceAccountName": "default", "serviceAccount": "default", "securityContext": {}, "schedulerName": "default-scheduler",
                "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
                "priority": 0, "enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority"}
        if init:
            spec["initContainers"] = init
        return json.dumps({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
            "uid": "-".join((uid[:8], uid[8:12], uid[12:16], uid[16:20], uid[20:])), "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"}, "namespace": "shop", "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "uid": "b7e0b3a5-0d7c-4c58-9d5b-2f6d8a0f7f10",
                         "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"]},
            "object": {"kind": "Pod", "apiVersion": "v1", "metadata": {"generateName": "web-6d4cf56db6-", "namespace": "shop",
                       "creationTimestamp": None, "labels": {"app": "web", "pod-template-hash": "6d4cf56db6"}, "ownerReferences": [owner],
                       "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
                                          "time": "2026-11-24T20:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields}]},
                       "spec": spec, "status": {}},
            "oldObject": None, "dryRun": False, "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}}},
            separators=(",", ":")).encode()

    few, more = len(build(0)), len(build(50))
    return build(max(0, round((size - few) * 50 / (more - few))))


class Bench:
    def __init__(self, options):
        self.options = options
        self.bodies = 0
        self.plain = Registry(options)
        self.modern = Registry(options, "referrers")
        self.write("policy.yaml", "version: 1\nname: bench\nmode: enforce\nunmatched: deny\ntags: allow\ntemplates: warn\n"
                                  "signers: {release: {key: key.pub}}\nrules:\n"
                                  '  - {name: first, images: "registry.example.com/**", require: {signed: release}}\n'
                                  '  - {name: all, images: "127.0.0.1:*/**", require: {signed: release}}\n')
        self.write("registries.yaml", "version: 1\nregistries:\n" + "".join(
            '  "%s": {plain-http: true, private: true}\n' % registry.host for registry in (self.plain, self.modern)))

    def write(self, name, text):
        path = os.path.join(self.options.folder, name)
        with open(path, "wb" if isinstance(text, bytes) else "w") as out:
            out.write(text)
        return path

    def body(self, images, size=3000):
        self.bodies += 1
        return self.write("body-%d" % self.bodies, pod(images, size))

    def load(self, port, bodies, connections=1, seconds=0, requests=0):
        """Figures of load.c; the bodies once each, unless told otherwise."""
        done = subprocess.run([os.path.join(self.options.folder, "load"), str(port), "/validate?timeout=10s", str(connections), str(seconds),
                               str(requests or (0 if seconds else len(bodies))), ALLOWED] + bodies, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit("load: " + done.stderr + done.stdout)
        return {name: float(value) for name, value in (word.split("=") for word in done.stdout.split())}

    # --- Parts ---

    def ready(self):
        times, memory = [], []
        for _ in range(11):
            webhook = Webhook(self.options)
            times.append(webhook.ready * 1000)
            memory.append(webhook.memory())
            webhook.stop()
        print("ready: %.1f ms from the start of the program to the answer of /readyz (median of 11, most %.1f; aim: under 100)"
              % (statistics.median(times), max(times)))
        print("memory, idle: %.1f MiB resident (aim: under 24)" % statistics.median(memory))

    def measured(self, server, bodies, connections):
        before = Server.used(server.process)
        figures = self.load(server.port, bodies, connections, self.options.seconds)
        return dict(figures, cpu=(Server.used(server.process) - before) * 1e6 / figures["requests"])

    def compare(self, what, webhook, bodies, connections):
        bare = Server(os.path.join(self.options.folder, "bare"), *(os.path.join(self.options.folder, name) for name in (
            "tls.pem", "tls.key", "answer")))
        rounds = []
        for _ in range(self.options.rounds):
            rounds.append([self.measured(server, bodies, connections) for server in (bare, webhook)])
        bare.stop()
        median = [{name: statistics.median(one[i][name] for one in rounds) for name in rounds[0][0]} for i in (0, 1)]
        ratio = statistics.median(one[1]["rate"] / one[0]["rate"] for one in rounds)
        late = statistics.median(one[1]["p99"] - one[0]["p99"] for one in rounds) / 1000
        for name, figures in zip(("bare", "webhook"), median):
            print("%-18s %3d connections  %-8s %7.0f reviews/s  p50 %6.2f  p90 %6.2f  p99 %6.2f ms  %4.0f us of CPU" % (
                what, connections, name, figures["rate"], figures["p50"] / 1000, figures["p90"] / 1000, figures["p99"] / 1000, figures["cpu"]))
        print("%-18s %3d connections  %.0f %% of the bare server's (aim: at least 60); p99 %+.2f ms%s" % (
            what, connections, ratio * 100, late, " (aim: at most 1)" if connections == 16 else ""), flush=True)

    def warm(self):
        images, _ = self.plain.images("warm", 500, "legacy")
        webhook = Webhook(self.options)
        for what, bodies in (("3 KB", [self.body(images[:1])]), ("16 KB", [self.body(images[:3], 16000)]),
                             ("3 KB, 500 images", [self.body([image]) for image in images])):
            self.load(webhook.port, bodies, 16)
            with open(bodies[0], "rb") as body:
                self.write("answer", webhook.request("POST", "/validate?timeout=10s", body.read()))
            self.plain.log()
            for connections in (1, 16, 64):
                self.compare(what, webhook, bodies, connections)
            print("%-18s requests to the registry meanwhile: %d (aim: 0)" % (what, len(self.plain.log())))
        print("memory, after this: %.1f MiB resident, %.1f at its peak" % (webhook.memory(), webhook.memory("VmHWM")))
        webhook.stop()

    @staticmethod
    def waves(log):
        """How many times a request was sent that another's answer came before."""
        count, answered = 0, None
        for came, done, *_ in log:
            if answered is None or came >= answered:
                count, answered = count + 1, done
            answered = min(answered, done)
        return count

    def one_by_one(self, webhook, registry, images):
        """Requests, waves and new connections of each review in turn."""
        seen, rows, pings = set(), [], 0
        for image in images:
            self.load(webhook.port, [self.body([image])])
            log = registry.log()
            numbers = {line[2] for line in log}
            rows.append((len(log), self.waves(log), len(numbers - seen)))
            pings += sum(line[4] == "/v2/" for line in log)
            seen |= numbers
        return rows, pings

    def cold(self):
        images, _ = self.plain.images("cold", 10 + 400, "legacy")
        webhook = Webhook(self.options)
        self.plain.delay(20)  # which requests are of one wave is seen by their times
        rows, pings = self.one_by_one(webhook, self.plain, images[:10])
        self.plain.delay(0)
        print("cold, by digest: first review %d requests in %d waves (aim: 4 in 2); each of 9 more at most %d in %d waves (aim: 3 in 2), "
              "%d new connections in all (aim: 0), %d asked for /v2/ (aim: 0)" % (rows[0][0], rows[0][1], max(row[0] for row in rows[1:]),
              max(row[1] for row in rows[1:]), sum(row[2] for row in rows[1:]), pings))
        for some, connections, aim in ((images[10:210], 1, "1 ms each"), (images[210:], 16, "0.2 s in all")):
            bodies = [self.body([image]) for image in some]
            before = Server.used(webhook.process)
            figures = self.load(webhook.port, bodies, connections)
            used = Server.used(webhook.process) - before
            print("cold, %d images, %d in flight: %.3f s of CPU, %.2f ms each (aim: under %s); p50 %.2f  p99 %.2f ms" % (
                len(some), connections, used, used * 1000 / len(some), aim, figures["p50"] / 1000, figures["p99"] / 1000), flush=True)
        webhook.stop()

    def delay(self):
        digests, tags = self.plain.images("delay", 1 + 20 + 20, "legacy")
        many, _ = self.plain.images("many", 300, "legacy")
        bundles, _ = self.modern.images("delay", 1 + 20, "bundle")
        webhook = Webhook(self.options)
        self.load(webhook.port, [self.body([image]) for image in (digests[0], bundles[0])])  # the hosts are known
        once = {}
        for delay in (0, 50):
            for registry in (self.plain, self.modern):
                registry.delay(delay)
            for what, registry, images, aim in (("by digest", self.plain, digests[1 + delay // 5:11 + delay // 5], 115),
                                                ("by tag", self.plain, tags[21 + delay // 5:31 + delay // 5], 170),
                                                ("bundle, by digest", self.modern, bundles[1 + delay // 5:11 + delay // 5], 170)):
                times, waves = [], []
                registry.log()
                for image in images:
                    times.append(self.load(webhook.port, [self.body([image])])["p50"] / 1000)
                    waves.append(self.waves(registry.log()))
                once[what] = statistics.median(times)
                if delay:
                    print("%d ms of delay, %s: %.1f ms (median of %d, most %.1f; aim: under %d), %d waves" % (
                        delay, what, once[what], len(times), max(times), aim, max(waves)))
            pods = [many[i:i + 50] for i in range(3 * delay, 3 * delay + 150, 50)]
            times = [self.load(webhook.port, [self.body(images, 16000)])["p50"] / 1000 for images in pods]
            print("%d ms of delay, 50 images in one Pod: %.1f ms (median of %d), %.1f times one%s" % (
                delay, statistics.median(times), len(times), statistics.median(times) / once["by digest"],
                " (aim: at most 3)" if delay else ""), flush=True)
        for registry in (self.plain, self.modern):
            registry.delay(0)
        webhook.stop()

    def memory(self):
        count = self.options.digests
        images, _ = self.modern.images("memory", count, "bundle")
        bodies = [self.body([image]) for image in images]
        webhook = Webhook(self.options)
        idle = webhook.memory()
        self.load(webhook.port, bodies, 16)
        print("memory: %.1f MiB resident idle, %.1f after %d distinct digests (aim: under 64), %.1f at its peak" % (
            idle, webhook.memory(), count, webhook.memory("VmHWM")), flush=True)
        for minute in range(self.options.soak):
            until = time.monotonic() + 60
            while time.monotonic() < until:
                self.load(webhook.port, random.sample(bodies, min(count, 2000)), 16, max(1, until - time.monotonic()))
            print("soak, minute %d: %.1f MiB resident, %.1f at its peak" % (minute + 1, webhook.memory(), webhook.memory("VmHWM")), flush=True)
        webhook.stop()


def main():
    parser = argparse.ArgumentParser()
    for name in ("folder", "sign", "webhook", "put"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--only", default="ready,warm,cold,delay,memory")
    for name, number in (("rounds", 5), ("seconds", 2), ("digests", 20000), ("soak", 0)):
        parser.add_argument("--" + name, type=int, default=number)
    options = parser.parse_args()
    print("%d processors, load %s; %s" % (os.cpu_count(), " ".join("%.2f" % load for load in os.getloadavg()),
                                         time.strftime("%Y-%m-%d %H:%M")), flush=True)
    try:
        bench = Bench(options)
        for part in options.only.split(","):
            getattr(bench, part)()
    finally:
        for process in list(Server.running):
            Server.end(process)


main()
