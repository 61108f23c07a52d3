"""SIGINT and SIGTERM always end a command: their handler takes no lock."""

import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from local_cloud.demo.refusals import ROOT

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def child(code: str) -> subprocess.Popen[str]:
    head = "import signal, time; from local_cloud.demo.stopping import Stop, deferred\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_of_a_thousand_waits_each_is_ended_by_signals_at_any_moment() -> None:
    rounds = """
for _ in range(1000):
    try:
        stop = Stop()
        print("waiting", flush=True)
        stop.wait()
    except KeyboardInterrupt:
        pass
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
    chance = random.Random(7)  # an Event's lock is held for microseconds: signals meet it once in many
    with child(rounds) as waiting:
        assert waiting.stdout
        for _ in waiting.stdout:
            for number in SIGNALS * 2:
                time.sleep(chance.random() * 1e-4)
                waiting.send_signal(number)
        assert waiting.wait(60) == 0


def test_a_signal_before_the_wait_ends_it() -> None:
    early = """
stop = Stop()
try:
    signal.raise_signal(signal.SIGTERM)
except KeyboardInterrupt:
    stop.wait()
"""
    assert child(early).wait(60) == 0


def test_later_signals_do_not_disturb_what_ends_in_order() -> None:
    ending = """
stop = Stop()
try:
    print("working", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("ending", flush=True)
    input()
    print("ended", flush=True)
"""
    with child(ending) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "working\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "ending\n"
        for number in range(1000):
            process.send_signal(SIGNALS[number % 2])
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.read() == "ended\n"
        assert process.wait(60) == 0


def test_what_does_not_end_in_order_is_ended_by_the_kernel() -> None:
    hanging = """
stop = Stop()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    assert signal.alarm(1)  # there was one, and now it comes sooner
    time.sleep(60)
"""
    assert child(hanging).wait(60) == -signal.SIGALRM


def test_a_signal_that_is_deferred_counts_at_the_end() -> None:
    deferring = """
stop = Stop()
try:
    with deferred():
        signal.raise_signal(signal.SIGTERM)
        print("goes on", flush=True)
except KeyboardInterrupt:
    print("ended", flush=True)
"""
    with child(deferring) as process:
        assert process.stdout
        assert process.stdout.read() == "goes on\nended\n"


def test_a_signal_while_the_catalog_is_synthesized_ends_all_that_the_cdk_command_started(
    tmp_path: Path,
) -> None:
    held, cdk = tmp_path / "held", tmp_path / "cdk"
    os.mkfifo(held)
    cdk.write_text(f"#!/bin/sh\nexec 3> {held}\necho started >&3\nsleep 600\n")
    cdk.chmod(0o755)
    command = [sys.executable, "-m", "local_cloud.demo", "serve"]
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        with held.open() as holders:
            assert holders.readline() == "started\n"
            process.send_signal(signal.SIGTERM)
            assert process.stdout.read() == "Stopped; nothing is left.\n"
            assert process.wait() == 130
            assert select.select([holders], [], [], 60)[0]  # its end: nobody holds it open
