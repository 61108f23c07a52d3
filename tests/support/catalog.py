"""The synthesized catalog that tests deploy."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.versions import shelve

ROOT = Path(__file__).parents[2]


def synthesize(assembly: Path) -> None:
    """Write a cloud assembly: the catalog with all versions of tests, open to who calls the local cloud."""
    # Here, for the CDK and moto take seconds to load, and most runs of few tests need neither.
    from app import build
    from local_cloud.iam.trust import ADMINISTRATOR

    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    with TemporaryDirectory() as versions:
        shelve(Path(versions))
        build(
            versions=Path(versions),
            context=context | {"catalog:principals": [ADMINISTRATOR]},
            outdir=str(assembly),
        ).synth()
