"""What happens to the process: new files, kill -9, SIGTERM, storms."""
import signal
import threading
import time
from collections import Counter
from webhookclient import Caller, Load, Webhook, at_once, check, encode, pod_of, review_of, wait_until, write_new


def judged_rightly(registry):
    def wanted(image, answer):
        if answer.status == 503 and answer.headers.get("Retry-After"):
            return None
        if answer.status != 200:
            return "no answer"
        if answer.allowed != (image == registry.good):
            return "wrong verdict"
        return None

    return wanted


def alternate(registry):
    return lambda number: registry.bad if number % 3 == 0 else registry.good


# --- New files ---


def reload_state(hook):
    values = hook.metrics()
    return values["bulla_webhook_generation"], values["bulla_webhook_last_reload_successful"], values["bulla_webhook_policy_serial"]


def policies(world, registry):
    hook = Webhook(world, [registry.host])
    load = Load(hook, 6, alternate(registry), judged_rightly(registry))
    time.sleep(0.5)
    before = reload_state(hook)
    for name, text in (("no YAML", "version: [1"), ("an unknown word", hook.policy_text(2, "unheard-of: 1\n")), ("an empty one", ""),
                       ("a missing key", hook.policy_text(2).replace("key.pub", "no-such.pub")), ("half of one", hook.policy_text(2)[:60])):
        write_new(hook.policy, text)
        hook.signal(signal.SIGHUP)
        said = wait_until(10, lambda: reload_state(hook)[1] == 0)
        ready = hook.get("/readyz?verbose")
        check("a bad policy (%s): the metric says so, the old one serves" % name, said and reload_state(hook) == (before[0], 0, 1), reload_state(hook))
        check("a bad policy (%s): ready, and readyz says why" % name, ready.status == 200 and b"last reload failed" in ready.body, ready)
        write_new(hook.policy, hook.policy_text(1))
        hook.signal(signal.SIGHUP)
        check("a bad policy (%s): mended" % name, wait_until(10, lambda: reload_state(hook)[1] == 1), reload_state(hook))
        before = reload_state(hook)
    for serial in range(2, 8):
        write_new(hook.policy, hook.policy_text(serial))
        if serial % 2:
            hook.signal(signal.SIGHUP)  # the others are noticed
        check("a good policy under load: serial %d" % serial, wait_until(10, lambda: reload_state(hook)[2] == serial), reload_state(hook))
    load.stop()
    answer = hook.review([registry.good])
    check("the answer names the new policy", "faults#7" in answer.response.get("auditAnnotations", {}).get("policy", ""), answer)
    check("new policies under load: every request was answered", not load.errors and load.answered > 100, load.errors[:3] or load.answered)
    check("new policies under load: and rightly", not load.wrong, load.wrong[:3])
    # What was known under one key is unknown under another.
    write_new(hook.policy, hook.policy_text(8).replace("key.pub", "stranger.pub"))
    check("another key: taken", wait_until(10, lambda: reload_state(hook)[2] == 8), reload_state(hook))
    answer = hook.review([registry.good])
    check("another key: what was allowed is denied", answer.code == 403, answer)
    write_new(hook.policy, hook.policy_text(9).replace("require: {signed: release}", "deny: closed").replace("signers: {release: {key: %s}}\n" % world.path("key.pub"), ""))
    check("a policy that denies: taken", wait_until(10, lambda: reload_state(hook)[2] == 9), hook.get("/readyz?verbose"))
    answer = hook.review([registry.good])
    check("a policy that denies: denied", answer.code == 403 and answer.reasons == ["denied-by-rule"], answer)
    hook.stop("new policies")


# --- Ends ---


def killed(world, registry):
    hook = Webhook(world, [registry.host])
    fresh = "%s/bundle/ok/all/k%%d@%s" % (registry.host, world.unsigned["bundle"])

    def image_of(number):
        return fresh % number if number % 5 == 0 else alternate(registry)(number)

    load = Load(hook, 6, image_of, judged_rightly(registry))
    for _ in range(2 if world.small else 4):
        answered = load.answered
        wait_until(20, lambda: load.answered > answered + 50)
        hook.kill()
        hook.restart()
    answered = load.answered
    check("killed under load: it serves again", wait_until(20, lambda: load.answered > answered + 50))
    load.stop()
    check("killed under load: answered rightly, or not at all", not load.wrong, load.wrong[:3])
    check("killed under load: connections did end", load.errors != [])
    print("    killed under load: %d answered, %d connection errors" % (load.answered, len(load.errors)))
    hook.stop("killed under load")


def terminated(world, registry):
    """SIGTERM while reviews are pending."""
    hook = Webhook(world, [registry.host], "--drain", "8s", "--drain-delay", "300ms")
    digest = world.signed["bundle"]
    images = ["%s/bundle/slow-600/all/t%d@%s" % (registry.host, i, digest) for i in range(6)]
    images += ["%s/bundle/slow-600/all/t%d@%s" % (registry.host, i, world.unsigned["bundle"]) for i in range(3)]
    images += ["%s/bundle/hang-header/all/t%d@%s" % (registry.host, i, digest) for i in range(3)]
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(at_once(12, lambda image: hook.review([image], "6s"), images)))
    thread.start()
    check("SIGTERM: reviews are pending", wait_until(5, lambda: hook.metrics()["bulla_webhook_reviews_in_flight"] == 12))
    kept = hook.caller()
    kept.call("GET", "/readyz")
    hook.signal(signal.SIGTERM)
    check("SIGTERM: not ready any more", wait_until(1, lambda: kept.call("GET", "/readyz").status == 503) or kept.connection is None)
    kept.close()
    start = time.monotonic()
    thread.join()
    check("SIGTERM: what was signed is allowed", all(answer.allowed for answer in answers[:6]), [str(answer) for answer in answers[:6]])
    check("SIGTERM: what was not is denied", all(answer.code == 403 for answer in answers[6:9]), [str(answer) for answer in answers[6:9]])
    check("SIGTERM: what hangs is answered in time", all(answer.reasons == ["deadline"] and answer.seconds < 6 for answer in answers[9:]),
          [str(answer) for answer in answers[9:]])
    try:
        status = hook.process.wait(25)
    except Exception:
        status = "still there"
        hook.kill()
    check("SIGTERM: ends with status 0", status == 0, status)
    print("    SIGTERM: ended %.1f s after it" % (time.monotonic() - start))
    check("SIGTERM: nobody listens any more", hook.review([registry.good]).status == 0)


def drained(world, registry):
    """More than the time for draining allows."""
    hook = Webhook(world, [registry.host], "--drain", "1s", "--drain-delay", "0s")
    images = ["%s/bundle/hang-header/all/d%d@%s" % (registry.host, i, world.signed["bundle"]) for i in range(3)]
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(at_once(3, lambda image: hook.review([image], "20s"), images)))
    thread.start()
    wait_until(5, lambda: hook.metrics()["bulla_webhook_reviews_in_flight"] == 3)
    start = time.monotonic()
    hook.signal(signal.SIGTERM)
    try:
        status = hook.process.wait(15)
    except Exception:
        status = "still there"
        hook.kill()
    seconds = time.monotonic() - start
    thread.join()
    check("a drain that is over: ends within its time, status 0", status == 0 and seconds < (8 if world.small else 4), "%s after %.1f s" % (status, seconds))
    check("a drain that is over: nobody is allowed", len(answers) == 3 and not any(answer.allowed for answer in answers), [str(answer) for answer in answers])
    check("a drain that is over: 503, or no answer", all(answer.status in (0, 503) for answer in answers), [str(answer) for answer in answers])


def run(world):
    registry = world.registry(["bundle"])
    registry.good = "%s/bundle/ok/all@%s" % (registry.host, world.signed["bundle"])
    registry.bad = "%s/bundle/ok/all@%s" % (registry.host, world.unsigned["bundle"])
    policies(world, registry)
    killed(world, registry)
    terminated(world, registry)
    drained(world, registry)
    registry.stop()


# --- A storm ---


def read_storm(world, layouts, host):
    """Images: signed ones and others."""
    signed, unsigned = [], []
    for layout in layouts:
        for line in open(world.path(layout + ".list")):
            word, digest = line.split()
            (signed if word == "signed" else unsigned).append("%s/%s/ok/all@%s" % (host, layout, digest))
    return signed, unsigned


def storm(world):
    """Many Pods of many images at once, a few unsigned ones among them: the verdicts are counted exactly, and each image is looked up once."""
    layouts = ["storm%d" % i for i in range(2 if world.small else 10)]
    registry = world.registry(layouts)
    signed, unsigned = read_storm(world, layouts, registry.host)
    hook = Webhook(world, [registry.host])
    pods, threads = (1000, 8) if world.small else (10000, 24)
    images = [signed[i % len(signed)] for i in range(pods)]
    for i in range(0, pods, 25):
        images.insert(i + i // 25, unsigned[(i // 25) % len(unsigned)])
    is_signed = set(signed)
    tally, lock = Counter(), threading.Lock()
    retried, connections = [], []

    def work(index):
        caller = hook.caller()
        mine, seconds = Counter(), []
        for number in range(index, len(images), threads):
            image = images[number]
            uid = "storm-%d" % number
            for attempt in range(50):
                answer = caller.review([image], "10s", uid=uid)
                if answer.status != 503:
                    break
                retried.append(number)
                time.sleep(0.2)
            verdict = "error" if answer.status != 200 or answer.response["uid"] != uid else "allowed" if answer.allowed else ",".join(answer.reasons)
            mine[("signed" if image in is_signed else "unsigned", verdict)] += 1
            seconds.append(answer.seconds)
            if answer.seconds >= 10:
                mine["late"] += 1
        with lock:
            tally.update(mine)
            connections.append(caller.opened)
        caller.close()
        return seconds

    start = time.monotonic()
    seconds = sorted(sum(at_once(threads, work, range(threads)), []))
    took = time.monotonic() - start
    n_unsigned = len(images) - pods
    check("a storm of %d Pods: %d signed are allowed, %d unsigned denied" % (len(images), pods, n_unsigned),
          dict(tally) == {("signed", "allowed"): pods, ("unsigned", "unsigned"): n_unsigned}, dict(tally))
    check("a storm: over %d kept connections" % threads, connections == [1] * threads, connections)
    asked = Counter(line.split()[1].split("?")[0] for line in registry.requests())
    twice = {path: n for path, n in asked.items() if n > 1 and not path.startswith("/v2/storm") or n > 2}
    looked = sum("/referrers/" in path for path in asked)
    again = [path for path, n in asked.items() if n > 1 and any(path.endswith(image.rsplit("@", 1)[1]) for image in signed)]
    check("a storm: each signed image was looked up once", not again, again[:3])
    check("a storm: every image was looked up", looked == len(signed) + len(unsigned), "%d lists of %d" % (looked, len(signed) + len(unsigned)))
    print("    a storm: %.1f s, %d a second, median %.1f ms, 99 %% %.1f ms, %d registry requests, %d answers 503, %d KiB, twice %d" % (
        took, len(images) / took, 1000 * seconds[len(seconds) // 2], 1000 * seconds[len(seconds) * 99 // 100], sum(asked.values()), len(retried),
        hook.memory() >> 10, len(twice)))
    values = hook.metrics()
    counted = sum(n for name, n in values.items() if name.startswith("bulla_webhook_reviews_total") and 'path="/validate"' in name or
                  name.startswith("bulla_webhook_reviews_total") and "validate" in name)
    check("a storm: the metrics count the same", counted == len(images) + len(retried), counted)
    hook.stop("a storm")
    logged = Counter(event["msg"] for event in hook.events() if event["msg"].startswith("image "))
    check("a storm: one log line for each decision", logged == {"image allowed": pods, "image denied": n_unsigned}, logged)
    registry.stop()
