"""What `make cloud` prints can be pasted as it is, and signals end it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass
class Served:
    process: subprocess.Popen[str]
    printed: str


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    command = [sys.executable, "-m", "local_cloud.demo", "serve", "--speed", "20000"]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, f"it ended: {printed}"
            printed += line
        yield Served(process, printed)
        process.kill()


BASH = ("bash", "--norc", "-i")
ZSH = ("zsh", "-f", "-i")


def blocks(served: Served) -> tuple[str, str]:
    """What is to be pasted first, and then."""
    setup, life, _ = served.printed.split(":\n\n")[1].split("\n\n")
    return setup, life


def paste(shell: tuple[str, ...], *lines: str) -> str:
    # At many terminals these are set, for an account of AWS or the way out of a company's network.
    of_the_user = {"AWS_PROFILE": "payments-prod", "AWS_SESSION_TOKEN": "token", "AWS_REGION": "eu-west-1"}
    of_the_user |= {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        shell,
        input="\n".join(["alias aws='aws --profile payments-prod'", *lines, "exit\n"]),
        env=os.environ | of_the_user,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return done.stdout


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_takes_what_is_printed_whole(served: Served) -> None:
    answers = (
        "ProductViewSummaries",
        "ProvisioningArtifactParameters",
        '"Status": "SUCCEEDED"',
        "DatabaseEndpoint",
        " | dbadmin      | t",
        "AWS Notification - Subscription Confirmation",
        "TERMINATE_PROVISIONED_PRODUCT",
    )
    shown = paste(ZSH, *blocks(served))
    assert [answer for answer in answers if answer not in shown] == []


def test_bash_takes_what_is_printed(served: Served) -> None:
    setup, life = blocks(served)
    checked = subprocess.run(["bash", "-n"], input=f"{setup}\n{life}\n", capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "ProductViewSummaries" in paste(BASH, setup, life.splitlines()[0])


def test_what_is_pasted_sets_no_variable_that_make_reads(served: Served) -> None:
    read = set(re.findall(r"^(\w+) [?:]?=", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {"VERSION", "SUFFIX", "PORT"} < read
    assert not read & set(re.findall(r"(\w+)=", "".join(blocks(served))))


def test_a_thousand_signals_end_it_in_order(served: Served) -> None:
    for number in range(1000):
        served.process.send_signal((signal.SIGINT, signal.SIGTERM)[number % 2])
    assert served.process.stdout
    assert served.process.stdout.read() == "Stopped; nothing is left.\n"
    assert served.process.wait() == 0
