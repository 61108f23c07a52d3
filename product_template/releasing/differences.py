"""What an update from one template to another does to a stack, as far as the templates show.

It catches mistakes of a version's author. What an update really does also depends on the inputs: the engine
reads CloudFormation's change set before each one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from product_template.releasing.released_versions import JsonTemplate

HOLDS_DATA = {
    "AWS::RDS::DBInstance",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
    "Custom::EmptyBucketOnDelete",  # removing it empties the bucket
}
REGION = "us-east-1"


def obstacles(before: JsonTemplate, after: JsonTemplate, replaceable: Collection[str] = ()) -> Iterator[str]:
    """Yield a sentence for each change that no update of a stack may make.

    Args:
        before: the template of the stack.
        after: the template of the update.
        replaceable: resource types that the update may replace.
    """
    old, new = before["Resources"], after["Resources"]
    for name, resource in old.items():
        kind = resource["Type"]
        if name not in new:
            if kind in HOLDS_DATA:
                yield f"{name} ({kind}) would be removed, and data with it."
        elif new[name]["Type"] != kind:
            yield f"{name} would become {new[name]['Type']}, and a resource can't change its type ({kind})."
    for name, causes in replaced(before, after).items():
        if old[name]["Type"] not in replaceable:
            yield f"{name} ({old[name]['Type']}) would be replaced because of {', '.join(causes)}."
    for name in before["Parameters"].keys() - after["Parameters"].keys():
        yield f"Parameter {name} would be dropped, and CloudFormation refuses an update that still gives it."
    for name in after["Parameters"].keys() - before["Parameters"].keys():
        if "Default" not in after["Parameters"][name]:
            yield f"Parameter {name} would be added without a default, so every update would have to give it."
    for name in before["Outputs"].keys() - after["Outputs"].keys():
        yield f"Output {name} would be dropped, and teams may read it."


def replaced(before: JsonTemplate, after: JsonTemplate) -> dict[str, list[str]]:
    """Return the resources of both templates that would be replaced, each with the properties that cause it.

    A property also changes if it only refers to a resource that is replaced.
    """
    old, new = before["Resources"], after["Resources"]
    found: dict[str, list[str]] = {}
    while True:
        more = {}
        for name in (old.keys() & new.keys()) - found.keys():
            was, will = old[name].get("Properties", {}), new[name].get("Properties", {})
            causes = [
                one
                for one in create_only(old[name]["Type"])
                if was.get(one) != will.get(one) or found.keys() & set(_references(will.get(one)))
            ]
            if causes:
                more[name] = causes
        if not more:
            return found
        found |= more


def create_only(resource_type: str) -> list[str]:
    """Return the properties whose change replaces a resource (createOnlyProperties of its type's schema).

    Without those that replace it on a condition, because the schema does not say which condition.
    """
    if resource_type.startswith("Custom::"):
        return ["ServiceToken"]
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource_type).schema
    return [path.split("/")[2] for path in schema.get("createOnlyProperties", [])]


def summary(before: JsonTemplate, after: JsonTemplate) -> Iterator[str]:
    """Yield what differs between two templates, one text for each section and kind of change."""
    for section in ("Parameters", "Outputs", "Resources"):
        old, new = before[section], after[section]
        what = section.lower()
        groups = {
            f"{what} added": [name for name in new if name not in old],
            f"{what} removed": [name for name in old if name not in new],
            f"{what} changed": [
                f"{name} ({', '.join(_changed(old[name], new[name]))})"
                for name in new
                if name in old and old[name] != new[name]
            ],
        }
        yield from (f"{title}: {', '.join(names)}" for title, names in groups.items() if names)


def _changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the names of what differs. A resource's properties go by their own names."""
    was, will = ({**one, **one.get("Properties", {})} for one in (old, new))
    return [name for name in {**was, **will} if name != "Properties" and was.get(name) != will.get(name)]


def _references(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case dict():
            for part in value.values():
                yield from _references(part)
        case list():
            for part in value:
                yield from _references(part)
