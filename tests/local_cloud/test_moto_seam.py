"""moto is patched where the list says so and nowhere else, and what the patches rest on is as it was."""

import json
import subprocess
import sys

import pytest

import local_cloud.cloud as _  # noqa: F401 - what it imports patches moto
from local_cloud.moto_seam import PATCHES, sums

# Prints what a start of the cloud changes in moto and in the server below it: names of attributes, and of
# services with other backends.
DIFFERENCE = """
import inspect, json, sys
from moto.core.base_backend import BackendDict
from local_cloud.cloud import Cloud

def attributes():
    found, backends = {}, {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("moto", "werkzeug"):
            for owner in [module, *(each for each in vars(module).values() if inspect.isclass(each))]:
                home = owner.__name__ if owner is module else f"{owner.__module__}.{owner.__qualname__}"
                if home.startswith(("moto", "werkzeug")):
                    found |= {f"{home}.{key}": value for key, value in vars(owner).items()}
            dicts = [each for each in vars(module).values() if isinstance(each, BackendDict)]
            backends |= {each.service_name: each.backend for each in dicts}
    return found, backends

before, backends = attributes()
with Cloud():
    after, others = attributes()
print(json.dumps({
    "patched": [name for name, value in before.items() if after.get(name) is not value],
    "added": [name for name in after if name not in before and not name.rpartition(".")[2].startswith("__")
              and name.rpartition(".")[0] in {each.rpartition(".")[0] for each in before}],
    "services": [name for name, backend in backends.items() if others[name] is not backend],
}))
"""


@pytest.fixture(scope="module")
def difference() -> dict[str, list[str]]:
    done = subprocess.run([sys.executable, "-c", DIFFERENCE], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_a_running_cloud_changes_in_moto_what_the_list_has_and_nothing_else(
    difference: dict[str, list[str]],
) -> None:
    assert sorted(difference["patched"] + difference["added"]) == sorted(PATCHES)


def test_the_list_is_no_longer_than_fifty_and_gives_each_its_reason() -> None:
    assert len(PATCHES) <= 50
    assert [name for name, patch in PATCHES.items() if not patch.why] == []


@pytest.mark.parametrize("name", PATCHES)
def test_what_a_patch_rests_on_is_as_it_was(name: str) -> None:
    now = sums().get(name)
    assert now == PATCHES[name].sum, (
        f"moto has changed {name}. Read what has changed there, mend what replaces it if need be, then write "
        f"the new sum, {now}, into local_cloud/moto_seam.py."
    )
