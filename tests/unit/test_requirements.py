"""docs/audit/requirements.md says where each requirement is built and which tests hold it."""

import re
import subprocess
import tomllib

import pytest

from tests.support.documentation import ROOT

PAGE = ROOT / "docs" / "audit" / "requirements.md"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# By number, the text of its section.
REQUIREMENTS = {
    section.partition("\n")[0]: section
    for section in re.split(r"^#+ (?=R\d)", PAGE.read_text(), flags=re.M)[1:]
}


def test_every_requirement_has_its_section() -> None:
    assert list(REQUIREMENTS) == [f"R{number}" for number in (*range(1, 6), *range(10, 26))]


@pytest.mark.parametrize("number", REQUIREMENTS)
def test_it_is_built_where_it_says(number: str) -> None:
    [built] = re.findall(r"^- \*\*Built in\*\* (.*?)^- ", REQUIREMENTS[number], flags=re.M | re.S)
    files = re.findall("`(.+?)`", built)
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("number", REQUIREMENTS)
def test_it_is_held_by_tests_that_exist(number: str) -> None:
    _, _, held = REQUIREMENTS[number].partition("**Held by** ")
    for file, names in re.findall(r"`(tests/.+?\.py)`:((?:\s+`\w+`,?)+)", held):
        text = (ROOT / file).read_text()
        assert [name for name in re.findall(r"`(\w+)`", names) if f"def {name}(" not in text] == [], file
        held = held.replace(f"`{file}`:{names}", "")
    assert re.findall("`.+?`", re.split("^#", held, flags=re.M)[0]) == [], "cannot be read"
    assert held != REQUIREMENTS[number].partition("**Held by** ")[2], "no test"


def test_no_other_number_is_cited_anywhere() -> None:
    found = subprocess.run(
        ["git", "grep", "-hoIE", r"\bR[0-9]+\b", "--", ":!*.json", ":!*.lock"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert "R13" in found
    assert set(found) - REQUIREMENTS.keys() - {"R6", "R9"} == set()


def test_r1_the_packages_that_were_asked_for_are_locked() -> None:
    locked = {package["name"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert {"aws-cdk-lib", "constructs", "aws-lambda-powertools", "boto3", "pytest"} <= locked


def test_r2_the_top_level_has_what_was_asked_for() -> None:
    asked_for = ["catalog_stack", "product_template", "lambdas", "tests", "app.py", "cdk.json", "README.md"]
    assert [name for name in asked_for if not (ROOT / name).exists()] == []


def test_r25_all_code_is_typed_strictly_and_the_readme_leads_to_the_deployment() -> None:
    mypy = PYPROJECT["tool"]["mypy"]
    assert mypy["strict"] is True
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"lambdas", "app.py"}
    assert folders <= set(mypy["files"])
    assert "](docs/operate/deploy.md)" in (ROOT / "README.md").read_text()
    assert "make deploy" in (ROOT / "docs" / "operate" / "deploy.md").read_text()
