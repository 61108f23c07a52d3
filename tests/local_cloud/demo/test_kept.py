"""Assemblies that are kept: made once, and anew after any change to what they were made from."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from local_cloud.demo.kept import KEPT, digest, kept

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "TERM": "xterm"}


def make(directory: Path) -> None:
    (directory / "manifest.json").write_text("{}")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for path in (
        "app.py",
        "lambdas/plan/handler.py",
        "lambdas/tests/one.py",
        "docs/page.md",
        "tests/test_plan.py",
        ".git/HEAD",
    ):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("as it was")
    return tmp_path


def make_again(_: Path) -> None:
    raise AssertionError("it was there")


def write(path: str) -> Callable[[Path, dict[str, str]], object]:
    return lambda project, _: (project / path).write_text("changed")


def allow_execution(project: Path, _: dict[str, str]) -> None:
    (project / "lambdas/plan/handler.py").chmod(0o755)


def rename(project: Path, _: dict[str, str]) -> None:
    (project / "app.py").rename(project / "application.py")


def setting_of_the_user(project: Path, environment: dict[str, str]) -> None:
    home = project / ".home"
    home.mkdir()
    (home / ".cdk.json").write_text("{}")
    environment["HOME"] = str(home)


def setting_of_the_cdk(_: Path, environment: dict[str, str]) -> None:
    environment["CDK_CONTEXT_JSON"] = "{}"


@pytest.mark.parametrize(
    "change",
    [
        write("app.py"),
        write("lambdas/plan/new.py"),
        write("lambdas/tests/new.py"),
        write("new.txt"),
        allow_execution,
        rename,
        setting_of_the_user,
        setting_of_the_cdk,
    ],
    ids=[
        "a file",
        "a new file of a function",
        "its tests",
        "a file nobody knows",
        "a mode",
        "a name",
        "~/.cdk.json",
        "CDK_…",
    ],
)
def test_what_synthesizing_may_depend_on_changes_the_hash(
    project: Path, change: Callable[[Path, dict[str, str]], object]
) -> None:
    environment = dict(ENVIRONMENT)
    before = digest(root=project, environment=environment)
    change(project, environment)
    assert digest(root=project, environment=environment) != before


def test_a_setting_and_a_package_change_the_hash(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = [digest(root=project, environment=ENVIRONMENT)]
    hashes.append(digest("catalog:stepConcurrency=7", root=project, environment=ENVIRONMENT))
    packages = tmp_path_factory.mktemp("packages")
    (packages / "aws_cdk_lib-9.9.9.dist-info").mkdir()
    monkeypatch.syspath_prepend(packages)
    hashes.append(digest(root=project, environment=ENVIRONMENT))
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("path", ["docs/page.md", "tests/test_plan.py", ".git/HEAD"])
def test_what_synthesizing_does_not_read_keeps_the_hash(project: Path, path: str) -> None:
    before = digest(root=project, environment=ENVIRONMENT)
    (project / path).write_text("changed")
    assert digest(root=project, environment=ENVIRONMENT | {"TERM": "dumb"}) == before


def test_an_assembly_is_made_once(tmp_path: Path) -> None:
    first, second = kept("a", make, tmp_path), kept("a", make_again, tmp_path)
    assert (first.new, second.new) == (True, False)
    assert first.directory == second.directory
    assert first.made == second.made


def test_an_assembly_that_was_not_finished_is_not_kept(tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        make(directory)
        raise RuntimeError("the network is gone")

    with pytest.raises(RuntimeError, match="the network is gone"):
        kept("a", fail, tmp_path)
    assert kept("a", make, tmp_path).new
    assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == ["a"]


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    names = [str(number) for number in range(KEPT + 1)]
    for age, name in enumerate(names[:-1]):
        directory = kept(name, make, tmp_path).directory
        os.utime(directory, (age, age))
    kept("0", make_again, tmp_path)  # used again
    kept(names[-1], make, tmp_path)
    assert {path.name for path in tmp_path.glob("[!.]*")} == set(names) - {"1"}
