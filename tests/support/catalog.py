"""The synthesized catalog that tests deploy."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from local_cloud.demo.kept import ROOT, digest, kept
from tests.support import versions

# What the tests' catalog is made from besides the project's own: see `synthesize`.
MADE_BY = (Path(__file__), Path(versions.__file__), ROOT / "local_cloud" / "iam" / "trust.py")


def assembly() -> Path:
    """The catalog with all versions of tests, open to every caller of the local cloud. Do not write to it."""
    return kept(digest(*(file.read_text() for file in MADE_BY)), synthesize).directory


def synthesize(directory: Path) -> None:
    """Write the cloud assembly that `assembly` returns."""
    # Imported here: the CDK and moto take seconds to load, and most runs of few tests need neither.
    from app import build
    from local_cloud.iam.trust import ADMINISTRATOR

    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    with TemporaryDirectory() as shelf:
        versions.shelve(Path(shelf))
        build(
            versions=Path(shelf),
            context=context | {"catalog:principals": [ADMINISTRATOR]},
            outdir=str(directory),
        ).synth()
