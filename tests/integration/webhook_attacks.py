"""Callers that attack the webhook: bodies that are no reviews, bytes that are no HTTP, connections that drip, hog or go away."""
import json
import os
import random
import socket
import ssl
import threading
import time
from webhookclient import Load, Webhook, at_once, check, encode, pod_of, review_of, wait_until

MIB = 1 << 20
HEADER_SECONDS, BODY_SECONDS = 5, 10  # webhook/server.c: HEADER_MS, BODY_MS


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def connect(hook, timeout=20):
    """A TLS connection for bytes of one's own."""
    host, port = hook.address.rsplit(":", 1)
    raw = socket.create_connection((host, int(port)), timeout)
    try:
        return hook.caller().context.wrap_socket(raw)
    except OSError:
        raw.close()
        raise


def everything(sock):
    """What comes until the end, or until nothing more comes."""
    data = b""
    try:
        while len(data) < 1 << 20:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
    except OSError:
        pass
    return data


def exchange(hook, data, end=False, timeout=2):
    """Sends bytes over TLS and reads what comes back; with `end` our side is closed behind them."""
    sock = connect(hook, timeout)
    try:
        sock.sendall(data)
        if end:
            sock.unwrap()
    except OSError:
        pass
    answer = everything(sock)
    sock.close()
    return answer


def status_of(data):
    line = data.split(b"\r\n", 1)[0].split(b" ")
    return int(line[1]) if len(line) > 1 and line[0] == b"HTTP/1.1" and line[1].isdigit() else 0


def head(length, path="/validate?timeout=5s", more=""):
    return ("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s%s\r\n" % (
        path, "" if length is None else "Content-Length: %d\r\n" % length, more)).encode()


# --- Bodies ---


def bad_reviews(good, bad):
    """NAME, body: none of them may be allowed, and those without a review that can be answered are 400."""
    whole = encode(review_of(pod_of([good])))
    pod = encode(pod_of([good]))
    yield "an empty body", b"", (400,)
    yield "text", b"hello", (400,)
    yield "null", b"null", (400,)
    yield "a list", b"[]", (400,)
    yield "an empty object", b"{}", (400,)
    yield "another kind", whole.replace(b"AdmissionReview", b"ImageReview"), (400,)
    yield "another version", whole.replace(b"admission.k8s.io/v1", b"admission.k8s.io/v1beta1"), (400,)
    yield "no uid", whole.replace(b'"uid"', b'"uit"', 1), (400,)
    yield "an empty uid", whole.replace(b"5b1c0a3e-0001", b""), (400,)
    yield "half of a review", whole[: len(whole) // 2], (400,)
    yield "something behind it", whole + b"{}", (400,)
    yield "two reviews", whole + whole, (400,)
    yield "no UTF-8", whole.replace(b"tester", b"\xff\xfe"), (400,)
    yield "a NUL", whole.replace(b"tester", b"a\\u0000b"), None
    yield "depth 100000", b"[" * 100000, (400, 413)
    yield "deep in the object", whole.replace(b'"metadata":', b'"x":' + b"[" * 5000 + b"]" * 5000 + b',"metadata":'), (400, 413)
    yield "no object", whole.replace(pod, b"null"), None
    yield "an object that is a number", whole.replace(pod, b"7"), None
    yield "containers that are an object", whole.replace(b'"containers":[', b'"containers":{"a":[').replace(b'}],', b'}]},', 1), None
    yield "an image that is a number", whole.replace(json.dumps(good).encode(), b"7"), None
    yield "an image that is null beside another", whole.replace(json.dumps(good).encode(), json.dumps(bad).encode()), None
    image = b'"image":' + json.dumps(good).encode()
    other = b'"image":' + json.dumps(bad).encode()
    yield "image twice, the last unsigned", whole.replace(image, image + b"," + other), None
    yield "image twice, the first unsigned", whole.replace(image, other + b"," + image), None
    yield "image twice, once escaped", whole.replace(image, image + b"," + other.replace(b'"image"', b'"\\u0069mage"')), None
    for key in (b"Image", b"IMAGE", b"imagE"):
        yield "image and %s" % key.decode(), whole.replace(image, image + b"," + other.replace(b'"image"', b'"' + key + b'"')), None
        yield "%s alone" % key.decode(), whole.replace(image, other.replace(b'"image"', b'"' + key + b'"')), None
    second = b'"containers":[{"name":"x",' + other + b"}],"
    spec = b'"spec":{' + second.rstrip(b",") + b"},"
    yield "containers twice", whole.replace(b'"spec":{', b'"spec":{' + second), None
    yield "Containers beside", whole.replace(b'"spec":{', b'"spec":{' + second.replace(b"containers", b"Containers")), None
    yield "InitContainers beside", whole.replace(b'"spec":{', b'"spec":{' + second.replace(b"containers", b"InitContainers")), None
    yield "initcontainers beside", whole.replace(b'"spec":{', b'"spec":{' + second.replace(b"containers", b"initcontainers")), None
    yield "spec twice", whole.replace(b'"spec":{', spec + b'"spec":{'), None
    yield "Spec beside", whole.replace(b'"spec":{', spec.replace(b"spec", b"Spec") + b'"spec":{'), None
    yield "object twice", whole.replace(b'"object":', b'"object":' + encode(pod_of([bad])) + b',"object":'), (400,)
    yield "request twice", whole.replace(b'"request":', b'"request":' + encode(review_of(pod_of([bad]))["request"]) + b',"request":'), (400,)
    yield "kind twice", whole.replace(b'"kind":"AdmissionReview"', b'"kind":"AdmissionReview","kind":"AdmissionReview"'), (400,)


def bodies(world, registry):
    good = "%s/bundle/ok/all@%s" % (registry.host, world.signed["bundle"])
    bad = "%s/bundle/ok/all@%s" % (registry.host, world.unsigned["bundle"])
    hook = world.hook
    check("a good review", hook.review([good]).allowed, hook.review([good]))
    caller = hook.caller()
    for name, body, status in bad_reviews(good, bad):
        answer = caller.post(body)
        refused = answer.status in status if status else answer.status in (200, 400) and not answer.allowed
        check("%s: refused" % name, refused, answer)
        if answer.status == 200:
            mutated = caller.post(body, path="/mutate")
            check("%s: nothing is patched" % name, not mutated.patches(), mutated)
    whole = encode(review_of(pod_of([good])))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", "multipart/form-data; boundary=x", ""):
        check("content type '%s': 415" % kind, caller.post(whole, kind=kind).status == 415, caller.post(whole, kind=kind))
    check("content type with a parameter", caller.post(whole, kind="application/json; charset=utf-8").allowed)
    for method, path, status in (("GET", "/validate", 405), ("PUT", "/validate", 405), ("POST", "/healthz", 405), ("POST", "/metrics", 404),
                                 ("POST", "/validate/", 404), ("POST", "/Validate", 404), ("GET", "/../etc/passwd", 404)):
        answer = caller.call(method, path, whole if method != "GET" else None, {"Content-Type": "application/json"})
        check("%s %s: %d" % (method, path, status), answer.status == status, answer)
    for timeout in ("0s", "-5s", "1e9s", "abc", "5", "", "9999999999999999999s", "NaN"):
        answer = caller.review([good], timeout)
        check("?timeout=%s: answered" % timeout, answer.allowed and not caller.review([bad], timeout).allowed, answer)
    caller.close()
    for name, data, wanted in (("9 MiB are announced", head(9 * MIB), 413), ("more than a number can hold", head(10**30), (400, 413)),
                               ("a negative length", head(-1), 400), ("no length", head(None), 411),
                               ("two lengths", head(10, more="Content-Length: 11\r\n") + bytes(11), 400),
                               ("chunks", head(None, more="Transfer-Encoding: chunked\r\n") + b"5\r\nhello\r\n0\r\n\r\n", 411),
                               ("chunks and a length", head(4, more="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n", (400, 411)),
                               ("Expect, then 9 MiB", head(9 * MIB, more="Expect: 100-continue\r\n"), 413)):
        answer = exchange(hook, data)
        check("%s: %s" % (name, wanted), status_of(answer) in (wanted if isinstance(wanted, tuple) else (wanted,)), answer[:300])
    answer = exchange(hook, head(len(whole)) + whole[:-20], end=True)
    check("a body that ends early: no answer", b'"allowed":true' not in answer and status_of(answer) in (0, 400), answer[:300])
    answer = exchange(hook, head(len(whole)) + whole + head(len(whole)) + whole)
    check("two requests at once: two answers", answer.count(b'"allowed":true') == 2, answer[:300])
    smuggled = head(len(whole)) + whole
    answer = exchange(hook, head(3) + smuggled)
    check("a length that is too short hides no review", status_of(answer) in (400, 0), answer[:300])


# --- Garbage ---


def garbage(world, registry):
    hook = world.hook
    host, port = hook.address.rsplit(":", 1)
    whole = encode(review_of(pod_of(["%s/bundle/ok/all@%s" % (registry.host, world.signed["bundle"])])))
    noise = random.Random(6)
    plain = [b"GET /validate HTTP/1.1\r\n\r\n", head(len(whole)) + whole, bytes(5000), b"\x16\x03\x01\xff\xff" + noise.randbytes(3000),
             b"\x16\x03\x01\x00\x05" + noise.randbytes(5), b"\x80\x2e\x01\x00\x02" + noise.randbytes(44), b"SSH-2.0-x\r\n", b"\x15\x03\x03\x00\x02\x02\x28"]
    plain += [noise.randbytes(noise.randrange(1, 4000)) for _ in range(30)]
    inside = [b"\r\n" * 2000, b"\x00" * 3000, noise.randbytes(3000), b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
              b"GET / HTTP/1.1\r\nX: " + b"b" * 100000 + b"\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(20000)) + b"\r\n",
              b"GET / HTTP/1.1\r\n folded: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n", b"POST /validate HTTP/1.0\r\n\r\n",
              b"GET /readyz?" + b"&".join(b"a%d=b" % i for i in range(5000)) + b" HTTP/1.1\r\n\r\n", b"GET /%00%ff%zz HTTP/1.1\r\n\r\n"]
    inside += [noise.randbytes(noise.randrange(1, 3000)) for _ in range(15)]

    def throw(data):
        sock = socket.create_connection((host, int(port)), 2)
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answer = everything(sock)
        sock.close()
        return answer

    answers = at_once(8, throw, plain) + at_once(8, lambda data: exchange(hook, data, timeout=1), inside)
    check("garbage: no answer allows", not any(b'"allowed":true' in answer for answer in answers))
    check("garbage: no answer is a success", not any(status_of(answer) in range(200, 300) for answer in answers[: len(plain)]),
          [answer[:80] for answer in answers[: len(plain)] if answer])
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = version
        old.set_ciphers("ALL:@SECLEVEL=0")
        try:
            with old.wrap_socket(socket.create_connection((host, int(port)), 2)) as sock:
                seen = sock.version()
        except OSError:
            seen = None
        check("%s: no handshake" % version.name, seen is None, seen)
    check("after garbage: a review is answered", world.hook.review([registry.good]).allowed)


# --- Time ---


class Dripper:
    """Connections on which next to nothing comes: how long each lives."""

    def __init__(self, name, hook, count, begin, piece, limit):
        self.name, self.limit, self.piece = name, limit, piece
        self.open, self.lives = [], []
        for _ in range(count):
            sock = begin(hook)
            sock.settimeout(0)
            self.open.append((sock, time.monotonic()))

    def turn(self):
        """Sends one byte on each and sees which have ended."""
        still = []
        for sock, start in self.open:
            ended = False
            try:
                if self.piece:
                    sock.send(self.piece)
                ended = sock.recv(100) == b""
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except OSError:
                ended = True
            if ended:
                self.lives.append(time.monotonic() - start)
                sock.close()
            else:
                still.append((sock, start))
        self.open = still


def raw(hook, data):
    host, port = hook.address.rsplit(":", 1)
    sock = socket.create_connection((host, int(port)), 10)
    if data:
        sock.sendall(data)
    return sock


def sent(hook, data):
    sock = connect(hook, 10)
    sock.sendall(data)
    return sock


def client_hello(world):
    """The first bytes of a real handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = world.hook.caller().context.wrap_bio(incoming, outgoing)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def slow_callers(world, registry):
    hook = world.hook
    count = 10 if world.small else 60
    hello = client_hello(world)
    kinds = [Dripper("nothing at all", hook, count, lambda h: raw(h, b""), None, HEADER_SECONDS),
             Dripper("half a client hello", hook, count, lambda h: raw(h, hello[:100]), None, HEADER_SECONDS),
             Dripper("a client hello and no more", hook, count, lambda h: raw(h, hello), None, HEADER_SECONDS),
             Dripper("a dripped client hello", hook, count, lambda h: raw(h, hello[:1]), b"\x00", HEADER_SECONDS),
             Dripper("a dripped header", hook, count, lambda h: sent(h, b"POST /validate HTTP/1.1\r\nHost: x\r\nX: "), b"y", HEADER_SECONDS),
             Dripper("a handshake and no request", hook, count, lambda h: sent(h, b""), None, HEADER_SECONDS),
             Dripper("a dripped body", hook, count, lambda h: sent(h, head(MIB)), b" ", BODY_SECONDS)]
    images = [registry.good, registry.bad]
    latencies, wrong = [], []
    kept = hook.caller()
    end = time.monotonic() + BODY_SECONDS + 8
    while time.monotonic() < end and any(kind.open for kind in kinds):
        for kind in kinds:
            kind.turn()
        for image in images:
            for answer in (kept.review([image]), hook.review([image])):
                latencies.append(answer.seconds)
                if answer.status != 200 or answer.allowed != (image == registry.good):
                    wrong.append(str(answer))
        time.sleep(0.1)
    kept.close()
    slack = 6 if world.small else 2.5
    for kind in kinds:
        longest = max(kind.lives, default=0)
        check("%s: cut within its limit" % kind.name, not kind.open and longest < kind.limit + slack,
              "%d still open, %d cut, the last after %.1f s" % (len(kind.open), len(kind.lives), longest))
        for sock, _ in kind.open:
            sock.close()
    check("while they drip: every review is answered, and rightly", not wrong, wrong)
    check("while they drip: reviews are answered quickly", percentile(latencies, 0.9) < (1.0 if world.small else 0.1),
          "90 %%: %.0f ms of %d" % (1000 * percentile(latencies, 0.9), len(latencies)))
    print("    while they dripped: median %.1f ms, 99 %% %.1f ms of %d" % (
        1000 * percentile(latencies, 0.5), 1000 * percentile(latencies, 0.99), len(latencies)))
    check("the watchdog counted them", hook.metrics()["bulla_webhook_connections_cut_total"] >= count * 5,
          hook.metrics()["bulla_webhook_connections_cut_total"])


def leavers(world, registry):
    """Callers that ask and go away before they have an answer."""
    hook = world.hook
    body = encode(review_of(pod_of(["%s/bundle/slow-300/all/gone@%s" % (registry.host, world.signed["bundle"])])))
    for number in range(30 if world.small else 100):
        sock = sent(hook, head(len(body)) + body)
        if number % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        sock.close()
    check("callers that go away: nothing is left of them", wait_until(15, lambda: hook.metrics()["bulla_webhook_reviews_in_flight"] == 0
          and hook.metrics()["bulla_webhook_request_body_bytes"] == 0), hook.metrics())
    check("callers that go away: their connections are closed", wait_until(5, lambda: hook.metrics()["bulla_webhook_connections"] <= 2),
          hook.metrics()["bulla_webhook_connections"])
    check("callers that go away: a review is answered", hook.review([registry.good]).allowed)


# --- Too much ---


def hang_all_workers(world, registry):
    """Every worker hangs and the queue is full."""
    hook = Webhook(world, [registry.host], "--workers", "2", "--queue", "2")
    check("before they hang: a review is answered", hook.review([registry.good]).allowed)
    hook.review([registry.bad])
    images = ["%s/bundle/hang-header/all/w%d@%s" % (registry.host, i, world.signed["bundle"]) for i in range(12)]
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(at_once(12, lambda image: hook.review([image], "5s"), images)))
    thread.start()
    time.sleep(1.0)
    busy = hook.metrics()["bulla_webhook_lookup_workers_busy"]
    seconds, probes = [], []
    kept = hook.caller()
    for _ in range(10):
        for answer in (kept.call("GET", "/healthz"), kept.call("GET", "/readyz"), hook.get("/readyz")):
            probes.append(answer.body)
            seconds.append(answer.seconds)
    warm = kept.review([registry.good])
    denied = kept.review([registry.bad])
    kept.close()
    thread.join()
    check("all workers hang", busy == 2, busy)
    check("all workers hang: probes are answered", all(body == b"ok\n" for body in probes), probes)
    check("all workers hang: probes within 50 ms", percentile(seconds, 0.8) < (0.5 if world.small else 0.05),
          "%s ms" % sorted(int(1000 * s) for s in seconds))
    check("all workers hang: what is known is allowed", warm.allowed and warm.seconds < 1, warm)
    check("all workers hang: what is not signed is denied", not denied.allowed and denied.status in (200, 503) and denied.seconds < 8, denied)
    refused = [answer for answer in answers if answer.status == 503]
    check("the queue is full: HTTP 503 with Retry-After", len(refused) >= 4 and all(
        answer.headers.get("Retry-After") == "1" and answer.seconds < 2 for answer in refused), [str(answer) for answer in answers])
    rest = [answer for answer in answers if answer.status != 503]
    check("the others: deadline, in time", rest and all(answer.reasons == ["deadline"] and answer.seconds < 5 for answer in rest),
          [str(answer) for answer in rest])
    hook.kill()


def memory(world, registry):
    """Bodies that are more than the memory for them."""
    hook = Webhook(world, [registry.host], "--memory", "8MiB")
    hook.review([registry.good])
    pod = pod_of([registry.good])
    pod["metadata"]["annotations"] = {"large": "x" * (3 * MIB)}
    body = encode(review_of(pod))
    results, wrong = {200: 0, 503: 0}, []

    def large(number):
        sock = connect(hook)
        try:
            sock.sendall(head(len(body)))
            sock.settimeout(0.7)  # so that all have announced theirs
            try:
                answer = sock.recv(65536)
            except TimeoutError:
                sock.settimeout(20)
                sock.sendall(body)
                answer = sock.recv(65536)
            sock.settimeout(0.5)
            answer += everything(sock)
        except OSError as error:
            return "", str(error)
        finally:
            sock.close()
        return status_of(answer), answer

    for _ in range(2):
        for status, answer in at_once(16, large, range(16)):
            if status == 503 and b"Retry-After: 1" not in answer or status == 200 and b'"allowed":true' not in answer or status not in (200, 503):
                wrong.append(str(answer)[:200])
            else:
                results[status] += 1
        small = hook.review([registry.good])
        if small.status not in (200, 503):
            wrong.append(str(small))
    check("memory at its budget: 503 with Retry-After, or the answer", not wrong, wrong)
    check("memory at its budget: both were seen", results[200] >= 2 and results[503] >= 8, results)
    check("memory at its budget: it is given back", wait_until(5, lambda: hook.metrics()["bulla_webhook_request_body_bytes"] == 0), hook.metrics())
    check("memory at its budget: reviews go on", hook.review([registry.good]).allowed and not hook.review([registry.bad]).allowed)
    if not world.small:
        check("memory at its budget: the process stays small", hook.memory() < 64 * MIB, "%d KiB" % (hook.memory() >> 10))
    hook.stop("memory at its budget")


def hog(world, registry, name, hook, count, begin):
    """Connections until there is no room, then reviews beside them, then the hogs go."""
    hook.review([registry.good])
    hogs = []
    for number in range(count):
        try:
            hogs.append(begin(hook, number))
        except OSError:
            break
    check("%s: it is crowded" % name, len(hogs) == count, len(hogs))
    images = (registry.good, registry.bad, "%s/bundle/ok/all/h%%d@%s" % (registry.host, world.unsigned["bundle"]))
    load = Load(hook, 4, lambda n: images[n % 3] % n if n % 3 == 2 else images[n % 3],
                lambda image, answer: "allowed" if answer.allowed and image != registry.good else None)
    time.sleep(4)
    answered, errors = load.answered, len(load.errors)
    for sock in hogs:
        sock.close()
    load.stop()
    check("%s: no wrong answer" % name, not load.wrong, load.wrong[:2])
    check("%s: it recovers" % name, wait_until(10, lambda: hook.review([registry.good]).allowed))
    fresh = "%s/bundle/ok/all/%s@%s" % (registry.host, "after", world.signed["bundle"])
    check("%s: and looks up again" % name, wait_until(10, lambda: hook.review([fresh]).allowed), hook.review([fresh]))
    check("%s: and denies" % name, hook.review([registry.bad]).code == 403, hook.review([registry.bad]))
    print("    %s: %d answered, %d connection errors beside the hogs; the slowest in %.1f s" % (name, answered, errors, load.slowest))
    hook.stop(name)
    return answered


def idle(hook, number):
    """A connection of a caller of its own that has asked something once."""
    caller = hook.caller(source="127.0.%d.%d" % (1 + number // 200, 1 + number % 200))
    caller.timeout = 8
    answer = caller.call("GET", "/healthz")
    if answer.status != 200:
        raise OSError(str(answer))
    return caller


def run(world):
    registry = world.registry(["bundle"])
    registry.good = "%s/bundle/ok/all@%s" % (registry.host, world.signed["bundle"])
    registry.bad = "%s/bundle/ok/all@%s" % (registry.host, world.unsigned["bundle"])
    world.hook = Webhook(world, [registry.host])
    bodies(world, registry)
    garbage(world, registry)
    slow_callers(world, registry)
    leavers(world, registry)
    world.hook.stop("attacked")
    hang_all_workers(world, registry)
    memory(world, registry)
    hog(world, registry, "few file descriptors", Webhook(world, [registry.host], files=48), 100, lambda hook, _: raw(hook, b""))
    hog(world, registry, "few connections", Webhook(world, [registry.host], "--connections", "16"), 100, lambda hook, _: raw(hook, b""))
    answered = hog(world, registry, "few connections, all idle", Webhook(world, [registry.host], "--connections", "16"), 15, idle)
    check("few connections, all idle: they give way", answered > 20, answered)
    registry.stop()
