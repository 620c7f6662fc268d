#!/usr/bin/env python3
"""The webhook and everything that goes wrong around it: registries, callers, its own surroundings.

    webhook_faults.py FOLDER WEBHOOK full|small [GROUP...]

FOLDER holds what t_webhook_faults.sh has prepared.
"""
import sys
import time
import webhook_attacks
import webhook_packets
import webhook_registries
import webhook_running
from webhookclient import World, check, counts

GROUPS = {"registries": webhook_registries.run, "attacks": webhook_attacks.run, "running": webhook_running.run, "storm": webhook_running.storm,
          "packets": webhook_packets.run}


def main():
    folder, webhook, size, *wanted = sys.argv[1:]
    world = World(folder, webhook, size == "small")
    try:
        for name, group in GROUPS.items():
            if not wanted or name in wanted:
                start = time.monotonic()
                group(world)
                print("    %s: %.1f s" % (name, time.monotonic() - start), flush=True)
    finally:
        world.end()
    reports = world.sanitizer_reports()
    check("no report of a sanitizer", not reports, reports)
    sys.exit(counts["not ok"] > 0)


main()
