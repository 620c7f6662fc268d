"""Registries that misbehave behind the webhook. Each case has its reason; a review is answered before its time is over; nothing that an
unsigned image stands behind is ever allowed; and what could not be found out is forgotten at once."""
import re
import socket
import time
from webhookclient import Webhook, at_once, check, wait_until

# What must fail for want of time has 2 seconds, hence an answer within 0.8; what must succeed or fail for another reason has 10.
CASES = """
ok                 all        10s
slow-20            all        10s
reset-once         all        10s
reset-once         blob       10s
status-429-once    all        10s
status-429-once    referrers  10s
status-429-once    blob       10s
status-503-once    all        10s
status-503-once    evidence   10s
drip-10-20         all        10s
more               blob       10s
reset              all        10s  registry-unreachable
reset              blob       10s  registry-unreachable
reset-body         evidence   10s  registry-unreachable|deadline
status-429-3600    all        10s  rate-limited
status-429-3600    referrers  10s  rate-limited
status-429-3600    blob       10s  rate-limited
status-429         all        10s  rate-limited
status-500         all        10s  registry-unreachable
status-500         blob       10s  registry-unreachable
status-502         all        10s  registry-unreachable
status-503-3600    all        10s  registry-unreachable
status-401         all        10s  registry-auth
status-401         evidence   10s  registry-auth
status-403         all        10s  registry-auth
status-403         blob       10s  registry-auth
status-404         all        10s  not-found
wrong-digest       all        10s  malformed
wrong-digest       evidence   10s  malformed
wrong-digest       blob       10s  malformed
wrong-space        blob       10s  malformed
wrong-empty        blob       10s  malformed
wrong-page         evidence   10s  malformed
endless            all        10s  too-large|malformed
endless            blob       10s  too-large|malformed
endless-length     evidence   10s  too-large|malformed
cut                all        10s  registry-unreachable|malformed
redirect-loop      all        10s  too-large
redirect-file      all        10s  registry-unreachable|malformed
hang-header        all        2s   deadline
hang-header        referrers  2s   deadline
hang-header        evidence   2s   deadline
hang-header        blob       2s   deadline
hang-0             all        2s   deadline
hang-100           evidence   2s   deadline
hang-1             blob       2s   deadline
drip-200-100       all        2s   deadline
hang-header        all        1s   deadline
hang-header        all        4s   deadline
"""

LOOKUP_SECONDS = 6  # of --lookup-timeout: what hangs is given up then

# Answers that an unsigned image can have from a registry that works well enough.
UNSIGNED = "unsigned|wrong-signer|deadline|rate-limited|registry-unreachable|registry-auth|not-found|malformed|too-large"


def judged(name, answer, seconds, reason):
    """Allowed where no reason is given; else refused with it; and in time."""
    if reason:
        fine = answer.status == 200 and not answer.allowed and answer.reasons and all(re.fullmatch(reason, r) for r in answer.reasons)
    else:
        fine = answer.status == 200 and answer.allowed
    return check("%s: %s" % (name, reason or "allowed"), fine and answer.seconds < seconds, answer)


def unsettled(name, answer, seconds, reason):
    """Could not be found out: 503, so that controllers come back."""
    return judged(name, answer, seconds, reason) and check(name + ": status.code 503", answer.code == 503, answer)


def each_fault(world, registry, hook):
    cases = [line.split() for line in CASES.strip().splitlines()]
    asked = []
    for number, (fault, where, timeout, *reason) in enumerate(cases):
        place = "%s/%s/t%d" % (fault, where, number)
        asked.append((place, "%s/bundle/%s@%s" % (registry.host, place, world.signed["bundle"]), timeout, reason[0] if reason else None))
        if where == "all" and timeout != "1s":
            asked.append((place + ", unsigned", "%s/bundle/%s@%s" % (registry.host, place, world.unsigned["bundle"]), timeout, UNSIGNED))
    asked.append(("the legacy form", "%s/legacy/ok/all@%s" % (registry.host, world.signed["legacy"]), "10s", None))
    asked.append(("the legacy form with a hanging blob", "%s/legacy/hang-1/blob@%s" % (registry.host, world.signed["legacy"]), "2s", "deadline"))
    answers = at_once(16 if world.small else 32, lambda case: hook.review([case[1]], case[2]), asked)
    for (name, _, timeout, reason), answer in zip(asked, answers):
        judge = unsettled if reason and reason is not UNSIGNED else judged
        judge(name + " in " + timeout, answer, int(timeout[:-1]), reason)


def together(world, registry, hook):
    """One bad registry among the images of a Pod."""
    good = "%s/bundle/ok/all/z@%s" % (registry.host, world.signed["bundle"])
    bad = "%s/bundle/ok/all/z@%s" % (registry.host, world.unsigned["bundle"])
    hanging = "%s/bundle/hang-header/all/z@%s" % (registry.host, world.signed["bundle"])
    failing = "%s/bundle/wrong-digest/all/z@%s" % (registry.host, world.signed["bundle"])
    answer = hook.review([good, hanging, failing], "2s")
    check("a good, a hanging and a failing one: 503, in time",
          answer.code == 503 and sorted(answer.reasons) == ["deadline", "malformed"] and answer.seconds < 2, answer)
    answer = hook.review([good, bad, hanging], "2s")
    check("a denial outweighs what could not be found out: 403, in time",
          answer.code == 403 and sorted(answer.reasons) == ["deadline", "unsigned"] and answer.seconds < 2, answer)
    answer = hook.review([hanging] * 20 + ["%s/bundle/hang-header/all/y%d@%s" % (registry.host, i, world.signed["bundle"]) for i in range(20)], "2s")
    check("21 hanging images in 40 containers: in time", answer.code == 503 and answer.seconds < 2, answer)


def unreachable(world, hook, dead, silent):
    for name, host, reason, timeout in (("a closed port", dead, "registry-unreachable", "10s"), ("a closed port", dead, "deadline|registry-unreachable", "1s"),
                                        ("a host that never accepts", silent, "deadline", "2s")):
        for form in ("signed", "unsigned"):
            image = "%s/bundle/ok/all/%s%s@%s" % (host, form, timeout, getattr(world, form)["bundle"])
            unsettled("%s, %s" % (name, form), hook.review([image], timeout), int(timeout[:-1]), reason)


def slow(world, registry, hook):
    """Too slow for a review: the work goes on, and the next one is answered from what it found."""
    image = "%s/bundle/slow-900/all@%s" % (registry.host, world.signed["bundle"])
    unsettled("a slow registry, first review", hook.review([image], "2s"), 2, "deadline")
    time.sleep(0.2 if world.small else 0.5)
    path = "/v2/bundle/slow-900/"
    done = wait_until(15, lambda: hook.review([image], "2s").allowed)
    check("a slow registry: allowed once the work is done", done)
    before = sum(path in line for line in registry.requests())
    answer = hook.review([image], "2s")
    judged("a slow registry, later review", answer, 0.5 if world.small is False else 1.5, None)
    after = sum(path in line for line in registry.requests())
    check("a slow registry: answered without asking again", before == after, "%d requests, then %d" % (before, after))
    asked = [line for line in registry.requests() if path in line]
    check("a slow registry: each thing was asked once", len(set(asked)) == len(asked), asked)


PASSING = (("status-500", "registry-unreachable"), ("status-429-3600", "rate-limited"), ("reset", "registry-unreachable"), ("status-403", "registry-auth"),
           ("status-404", "not-found"), ("wrong-digest", "malformed"), ("hang-header", "deadline"))


def forgotten(world, registry, hook):
    """A failure is no answer: when the registry is back the next review is allowed."""

    def pass_by(number):
        fault, reason = PASSING[number]
        word = "f%d" % number
        image = "%s/bundle/switch/all/%s@%s" % (registry.host, word, world.signed["bundle"])
        registry.switch(word, fault)
        timeout = "2s" if reason == "deadline" else "10s"
        failed = hook.review([image], timeout)
        registry.switch(word, "ok")
        start = time.monotonic()
        answer = hook.review([image], timeout)
        if reason == "deadline":  # the look-up that hangs is joined until its own time is over
            wait_until(20, lambda: hook.review([image], timeout).allowed)
        return failed, answer, time.monotonic() - start

    for (fault, reason), (failed, answer, seconds) in zip(PASSING, at_once(len(PASSING), pass_by, range(len(PASSING)))):
        unsettled("%s for now" % fault, failed, 2 if reason == "deadline" else 10, reason)
        if reason == "deadline":
            check("%s is over: allowed when the look-up that hung is" % fault, seconds < LOOKUP_SECONDS + 3, "%.1f s" % seconds)
        else:
            judged("%s is over" % fault, answer, 10, None)


def gone_and_back(world, hook, host):
    """A registry that is not there at all, then is."""
    image = "%s/bundle/ok/all@%s" % (host, world.signed["bundle"])
    unsettled("a registry that is down", hook.review([image]), 10, "registry-unreachable")
    registry = world.registry(["bundle"], host)
    judged("a registry that has come back", hook.review([image]), 10, None)
    registry.stop()
    judged("and is gone again: what is known is known", hook.review([image]), 1.5, None)
    unsettled("and what is not known is not", hook.review([image.replace("/all@", "/all/other@")]), 10, "registry-unreachable")


def tags(world, registry, hook):
    """A tag that names something else each time: what is pinned is what is judged."""
    signed = world.signed["bundle"]
    wrong = []
    pinned = set()
    places = ["flip-swap/image/m%d" % i for i in range(4)] * 3 + ["flip/image/m%d" % i for i in range(4)] + ["wrong-head/image/m%d" % i for i in range(4)]
    for place in places:
        image = "%s/bundle/%s:v1" % (registry.host, place)
        patches = hook.review([image], path="/mutate").patches()
        if len(patches) != 1 or not patches[0]["value"].startswith(image + "@sha256:"):
            wrong.append("%s: %s" % (place, patches))
            continue
        pinned.add(patches[0]["value"])
        answer = hook.review([patches[0]["value"]])
        if answer.allowed != patches[0]["value"].endswith(signed):
            wrong.append("%s: %s" % (patches[0]["value"], answer))
    check("a tag that moves: what is pinned is what is judged", not wrong, wrong)
    check("a tag that moves: the signed one was pinned, too", any(value.endswith(signed) for value in pinned), pinned)
    answer = hook.review(["%s/bundle/flip-swap/image/m0:v1" % registry.host])
    check("a tag that was not pinned: denied, not asked", answer.code == 403 and answer.reasons == ["not-a-digest"], answer)
    answer = hook.review(["%s/bundle/hang-header/image/tag:v1" % registry.host], "2s", path="/mutate")
    check("a tag that cannot be resolved: no patch, in time", answer.status == 200 and not answer.patches() and answer.seconds < 2, answer)


def tags_allowed(world, registry):
    """The same where tags may stay: one resolution for each review, and the digest that is named is the one that was judged."""
    hook = Webhook(world, [registry.host], tags="allow")
    wrong = []
    verdicts = {True: 0, False: 0}
    places = ["flip-swap/image/a%d" % i for i in range(6)] + ["flip/image/a%d" % i for i in range(3)] + ["wrong-head/image/a%d" % i for i in range(3)]
    for place in places:
        answer = hook.review(["%s/bundle/%s:v1" % (registry.host, place)])
        seen = answer.images[0].get("digest") if answer.images else None
        if answer.status != 200 or answer.allowed != (seen == world.signed["bundle"]):
            wrong.append("%s: %s" % (place, answer))
        verdicts[answer.allowed] += 1
    check("tags may stay: what is named is what was judged", not wrong, wrong)
    check("tags may stay: the signed one is allowed", verdicts[True] > 0, verdicts)
    asked = [line for line in registry.requests() if "/flip/image/a0/manifests/v1" in line]
    check("tags may stay: a tag is resolved once", len(asked) == 1, asked)
    hook.stop("tags may stay")


def run(world):
    registry = world.registry(["bundle", "legacy"])
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(0)
    filler = [socket.socket() for _ in range(3)]  # the queue of connections is full, so further ones get no answer
    for each in filler:
        each.setblocking(False)
        each.connect_ex(silent.getsockname())
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    dead = "127.0.0.1:%d" % closed.getsockname()[1]
    closed.close()
    silent_host = "127.0.0.1:%d" % silent.getsockname()[1]
    hook = Webhook(world, [registry.host, dead, silent_host], lookup="%ds" % LOOKUP_SECONDS)
    each_fault(world, registry, hook)
    together(world, registry, hook)
    unreachable(world, hook, dead, silent_host)
    slow(world, registry, hook)
    forgotten(world, registry, hook)
    gone_and_back(world, hook, dead)
    tags(world, registry, hook)
    hook.stop("registries that misbehave")
    tags_allowed(world, registry)
    registry.stop()
