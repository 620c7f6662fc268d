#!/usr/bin/env python3
"""Pods that name a metadata address, loopback, a private address or a host of the attacker's choosing: no packet leaves.

    webhook_packets.py FOLDER WEBHOOK full|small      inside the network namespace that run() makes

In a network namespace of its own every address of either family is a local one, so that whatever is connected to can be seen: by
listeners at the usual ports, and by looking at every packet of the loopback device.
"""
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from webhookclient import Webhook, World, check, counts

SETUP = """
ip link set lo up
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
printf '127.0.0.1 localhost\\n::1 localhost\\n10.1.2.3 inside.test\\n169.254.169.254 metadata.test\\n93.184.215.14 outside.test\\n' >"$1/hosts"
printf 'nameserver 203.0.113.53\\noptions timeout:1 attempts:1\\n' >"$1/resolv.conf"
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/resolv.conf" /etc/resolv.conf
shift
exec python3 "$@"
"""

# Hosts that only a socket can refuse, or that are no hosts at all.
PRIVATE = """
169.254.169.254 169.254.169.254:80 169.254.170.2 100.100.100.200 192.0.0.192 fd00:ec2::254 127.0.0.1 127.0.0.1:PORT 127.1.2.3:PORT
localhost localhost:PORT localhost.:PORT 0.0.0.0:PORT 0:PORT 127.1:PORT 2130706433:PORT 0x7f000001:PORT 0x7f.1:PORT 017700000001:PORT
[::1]:PORT [::]:PORT [::ffff:127.0.0.1]:PORT [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [64:ff9b::7f00:1]:PORT [64:ff9b::a9fe:a9fe]
[2002:7f00:1::]:PORT [fe80::1]:PORT [fe80::1%lo]:PORT [fd00:ec2::254] [fec0::1] [ff02::1]:PORT 10.0.0.1 10.0.0.1:PORT 172.16.0.1:5000
172.31.255.255 192.168.1.1 192.168.0.1:PORT 100.64.0.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255 inside.test inside.test:PORT
metadata.test metadata.test:80
""".split()
OUTSIDE = ["outside.test", "outside.test:8443", "93.184.215.14:5000", "[2606:4700::6810:84e5]:5000", "attacker.example", "attacker.example:8443"]


class Packets:
    """Every packet on the loopback device but those of the ports that the test itself uses."""

    def __init__(self):
        self.own, self.seen = set(), []
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind(("lo", 0))
        threading.Thread(target=self.look, daemon=True).start()

    def look(self):
        while True:
            frame = self.sock.recv(65536)
            kind, data = struct.unpack("!H", frame[12:14])[0], frame[14:]
            if kind == 0x800:
                self.take(data[9], socket.inet_ntop(socket.AF_INET, data[16:20]), data[(data[0] & 15) * 4 :])
            elif kind == 0x86DD:
                self.take(data[6], socket.inet_ntop(socket.AF_INET6, data[24:40]), data[40:])

    def take(self, protocol, to, rest):
        if protocol not in (6, 17):  # neighbour discovery is the kernel's own
            return
        ports = struct.unpack("!HH", rest[:4])
        if not self.own.intersection(ports):
            self.seen.append("%s to %s port %d" % ("TCP" if protocol == 6 else "UDP", to, ports[1]))

    def since(self):
        time.sleep(0.3)
        seen, self.seen = sorted(set(self.seen)), []
        return seen


def listen(family, port):
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("", port))
    sock.listen(100)
    return sock


def mine(packets, hook):
    packets.own.update(int(address.rsplit(":", 1)[1]) for address in (hook.address, hook.metrics_address))


def each_host(world, packets, hook, hosts, name):
    digest = world.signed["bundle"]
    allowed, late = [], []
    for host in hosts:
        for path, tail in (("/validate", "@" + digest), ("/validate", ":v1"), ("/mutate", ":v1")):
            answer = hook.review(["%s/bundle/ok/all%s" % (host, tail)], "3s", path=path)
            if answer.status != 200 or answer.allowed and path == "/validate" or answer.patches():
                allowed.append("%s %s%s: %s" % (path, host, tail, answer))
            if answer.seconds > 3:
                late.append("%s: %.1f s" % (host, answer.seconds))
    seen = packets.since()
    check("%s: every one is denied, none is pinned" % name, not allowed, "\n".join(allowed))
    check("%s: in time" % name, not late, late)
    return seen


def inside(world):
    packets = Packets()
    listeners = {port: [listen(family, port) for family in (socket.AF_INET, socket.AF_INET6)] for port in (80, 443, 5000, 8443)}
    hosts = [host.replace("PORT", "5000") for host in PRIVATE]
    # The controls: a connection is seen, and the webhook does ask a host that it may ask.
    socket.create_connection(("169.254.169.254", 80), 5).close()
    seen = packets.since()
    check("control: a connection to the metadata address is seen", any("TCP to 169.254.169.254 port 80" == line for line in seen), seen)

    # Nothing matches: no look-up, so no packet at all, not even to a name server.
    hook = Webhook(world, ["registry.test"], lookup="3s")
    mine(packets, hook)
    seen = each_host(world, packets, hook, hosts + OUTSIDE, "no rule matches")
    check("no rule matches: not one packet", not seen, seen)
    hook.stop("no rule matches")

    # A rule that matches every host: names are resolved, and then the socket is refused.
    hook = Webhook(world, ["registry.test"], images=["*/**"], lookup="3s")
    mine(packets, hook)
    seen = each_host(world, packets, hook, hosts, "a rule for every host")
    beside = [line for line in seen if line != "UDP to 203.0.113.53 port 53" and not line.startswith("UDP to ") or not re.search("port 53$", line)]
    check("a rule for every host: not one packet to an address that is not public", not [line for line in beside if line.startswith("TCP")], seen)
    hook.review(["outside.test:8443/x@" + world.signed["bundle"]], "3s")
    seen = packets.since()
    check("control: a public address is connected to", "TCP to 93.184.215.14 port 8443" in seen, seen)
    hook.stop("a rule for every host")
    accepted = 0
    for port, socks in listeners.items():
        for sock in socks:
            sock.setblocking(False)
            try:
                while True:
                    peer = sock.accept()[0]
                    accepted += peer.getsockname()[0].removeprefix("::ffff:") not in ("169.254.169.254", "93.184.215.14")
                    peer.close()
            except BlockingIOError:
                pass
    check("no listener was connected to, the controls aside", accepted == 0, accepted)


def run(world):
    result = subprocess.run(["unshare", "-nm", "sh", "-euc", SETUP, "sh", world.folder, os.path.abspath(__file__), world.folder, world.webhook,
                             "small" if world.small else "full"], capture_output=True, text=True)
    print(result.stdout, end="")
    counts["ok"] += result.stdout.count("\nok ")
    if result.returncode not in (0, 1) or "packets seen to the end" not in result.stdout:
        check("no packet: the network namespace", False, result.stderr[-500:])
    elif result.returncode:
        counts["not ok"] += 1


def main():
    world = World(sys.argv[1], sys.argv[2], sys.argv[3] == "small")
    world.number = 9000
    try:
        inside(world)
        print("    packets seen to the end")
    finally:
        world.end()
    sys.exit(counts["not ok"] > 0)


if __name__ == "__main__":
    main()
