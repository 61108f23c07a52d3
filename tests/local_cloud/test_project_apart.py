"""The local cloud is about AWS. Only its demonstration has a word of what this project deploys into it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCAL_CLOUD = ROOT / "local_cloud"
MAKE = "|".join(re.findall("^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
WORDS = re.compile(
    rf"""
    tap[_ ]?stack | catalog_?stack | product_template | sc_?launch
    | lambdas/ | app\.py | cdk\.json
    | environment_?suffix | ops_?emails?
    | (?<![\w:])catalog:\w      # a setting of the catalog, and no part of an ARN
    | \bmake\ ({MAKE})\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
FILES = [
    path
    for path in LOCAL_CLOUD.rglob("*.*")
    if "__pycache__" not in path.parts and not path.is_relative_to(LOCAL_CLOUD / "demo")
]


def test_the_rest_of_the_local_cloud_has_no_word_of_this_project() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (match := WORDS.search(line))
    ]
    assert found == [], "say it in AWS's words, or put it into local_cloud/demo"


@pytest.mark.parametrize(
    "text",
    [
        "TapStackEngine",
        "the CatalogStack",
        '"catalog:principals"',
        "`make launch`",
        "SCLaunch-TapStack",
        "OpsEmails",
    ],
)
def test_a_word_of_this_project_is_found(text: str) -> None:
    assert WORDS.search(text)


@pytest.mark.parametrize(
    "text", ["arn:aws:catalog:us-east-1", "servicecatalog:ProvisionProduct", "catalog: Catalog"]
)
def test_a_word_of_aws_is_none_of_this_project(text: str) -> None:
    assert not WORDS.search(text)
