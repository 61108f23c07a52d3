"""What can't work is refused in one sentence, before anything is synthesized."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from catalog_stack.version_guidance import guidance
from local_cloud.demo.refusals import (
    ROOT,
    RefusedError,
    refuse_unless_on_offer,
    usable_port,
    versions_on_offer,
)
from product_template.releasing.released_versions import templates
from product_template.releasing.version import Version


@pytest.mark.parametrize("text", ["65536", "-1", "80a", "", "5000.0", "٣", "a" * 9, "9" * 5000])
def test_what_is_no_port_is_refused(text: str) -> None:
    refused = re.escape(
        f"PORT is {text!r}, which is no port, so nothing was started: name one from 1024 to 65535, or leave "
        "PORT out and the system chooses one."
    )
    with pytest.raises(RefusedError, match=f"^{refused}$"):
        usable_port(text)


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        in_use = (
            rf"^Port {port} cannot be used \(Address already in use\), so nothing was started: name another"
        )
        with pytest.raises(RefusedError, match=in_use):
            usable_port(str(port))


def test_a_free_port_is_taken_as_it_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert usable_port(str(port)) == port
    assert usable_port("0") == 0


def test_a_version_that_is_not_on_offer_is_refused_with_those_that_are() -> None:
    *_, newest = map(str, templates())
    refuse_unless_on_offer(newest)
    refuse_unless_on_offer("")
    with pytest.raises(
        RefusedError, match=rf"^Version 9\.9\.9 is not on offer, so nothing was launched: .*VERSION={newest}"
    ):
        refuse_unless_on_offer("9.9.9")


@pytest.mark.parametrize("inactive", [[], ["1.10.0"], ["1.10.0", "3.0.0"], "1.10.0, 1.9.0", "2.0.0"])
def test_on_offer_is_what_the_catalog_offers(inactive: list[str] | str, tmp_path: Path) -> None:
    names = ["1.2.0", "1.9.0", "1.10.0", "2.0.0", "3.0.0"]
    (tmp_path / "product_template" / "versions").mkdir(parents=True)
    for name in names:
        (tmp_path / "product_template" / "versions" / f"{name}.template.json").touch()
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"catalog:inactiveVersions": inactive}}))
    retired = inactive.split(", ") if isinstance(inactive, str) else inactive
    marks = guidance(map(Version.parse, names), retired)
    assert versions_on_offer(tmp_path) == [name for name, mark in marks.items() if mark == "DEFAULT"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["serve", "--port", "70000"], "PORT is '70000', which is no port"),
        (["launch", "--version", "9.9.9"], "Version 9.9.9 is not on offer"),
    ],
)
def test_a_command_refuses_before_it_loads_what_takes_seconds(words: list[str], sentence: str) -> None:
    command = (
        "import sys; from local_cloud.demo.__main__ import main; status = main();"
        "assert not {'moto', 'boto3'} & sys.modules.keys(); sys.exit(status)"
    )
    refused = subprocess.run(
        [sys.executable, "-c", command, *words], cwd=ROOT, env=os.environ, capture_output=True, text=True
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    [line] = refused.stderr.splitlines()
    assert line.startswith(sentence)
