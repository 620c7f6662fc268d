#!/usr/bin/env python3
"""Runs commands in turn, round by round, and prints the medians.

    measure.py --launch LAUNCH --log ACCESS_LOG --runs N [--json F] <SPECIFICATION

The specification has one line per command: its name, a tab, the command as a shell would write it. Requests are the lines that the
registry's access log gained meanwhile. Every run must exit 0; a failing command ends the measurement.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time


def lines_of(log):
    """The number of lines, once it has stopped growing: the registry writes its log after it has answered."""
    before = -1
    while True:
        now = sum(1 for _ in open(log, "rb"))
        if now == before:
            return now
        before = now
        time.sleep(0.02)


def once(options, command):
    before = lines_of(options.log)
    with tempfile.NamedTemporaryFile("r") as result:
        done = subprocess.run([options.launch, result.name] + command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
        words = [int(word) for word in result.read().split()]
    if done.returncode != 0 or len(words) != 4 or words[3] != 0:
        sys.exit("failed: %s\n%s" % (shlex.join(command), done.stderr.decode(errors="replace")))
    return words[:3] + [lines_of(options.log) - before]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--launch", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json")
    options = parser.parse_args()
    commands = [(name, shlex.split(text)) for name, text in (line.rstrip("\n").split("\t", 1) for line in sys.stdin)]
    runs = {name: [] for name, _ in commands}
    for name, command in commands:
        once(options, command)  # warms the page cache
    for _ in range(options.runs):
        for name, command in commands:
            runs[name].append(once(options, command))
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in runs.items()}
    print("%-28s %9s %9s %9s %9s" % ("medians of %d runs" % options.runs, "CPU ms", "wall ms", "peak MiB", "requests"))
    for name, (wall, cpu, memory, requests) in medians.items():
        print("%-28s %9.1f %9.1f %9.1f %9d" % (name, cpu / 1000, wall / 1000, memory / 1024, requests))
    if options.json:
        with open(options.json, "w") as out:
            json.dump({name: dict(zip(("wall_us", "cpu_us", "peak_kib", "requests"), row)) for name, row in medians.items()}, out)


os.environ.setdefault("LC_ALL", "C.UTF-8")
main()
