"""Pictures of what was synthesized, in Mermaid. `make docs` puts them into docs/develop/architecture.md."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app import build
from tests.support.reading import text

ROOT = Path(__file__).parents[2]
Resources = Mapping[str, Any]
# From which box, the arrow, to which.
Arrow = tuple[str, str, str]

SHAPES = {
    "AWS::Events::Rule": '>"{}"]',
    "AWS::IAM::Role": '[/"{}"/]',
    "AWS::SQS::Queue": '[("{}")]',
    "AWS::StepFunctions::StateMachine": '["state machine<br/>{}"]',
    None: '(["{}"])',  # a service of AWS
}
# The picture of the product names these. It counts the other resources.
TELLING = re.compile(
    "Alarm|Bucket|DBInstance|DBParameterGroup|Dashboard|EventSubscription|FlowLog|Key|NatGateway|Rule"
    "|SecurityGroup|StateMachine|Subnet|Topic|VPC|VPCEndpoint"
)


def catalog() -> Any:
    """Return the template of CatalogStack with no setting set."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | {"aws:cdk:bundling-stacks": []}
    with TemporaryDirectory() as directory:
        build(context=context, outdir=directory).synth()
        return json.loads((Path(directory) / "CatalogStack.template.json").read_text())


def engine(template: Any) -> str:
    """Draw what Service Catalog calls, what that starts, and the safety net."""
    resources = template["Resources"]
    names = {name: _name(name, resource) for name, resource in resources.items()}
    queues = [name for name, one in _of(resources, "SQS::Queue").items() if "QueueName" in one["Properties"]]
    names |= dict.fromkeys(queues, ", ".join(sorted(names[queue] for queue in queues)))
    kinds = {names[name]: resource["Type"] for name, resource in resources.items()}
    arrows = [
        (names.get(source, source), arrow, names.get(target, target))
        for source, arrow, target in _arrows(resources)
    ]
    # A function that empties a queue does not fill it.
    arrows = [
        (at, arrow, to) for at, arrow, to in arrows if "cannot" not in arrow or (to, "-->", at) not in arrows
    ]
    ends = dict.fromkeys(end for source, _, target in arrows for end in (source, target))
    boxes = {end: SHAPES.get(kinds.get(end), '["{}"]').format(end) for end in ends}
    return _flowchart("LR", boxes, arrows)


def workflow(template: Any) -> str:
    """Draw the states, each with the function that it invokes."""
    resources = template["Resources"]
    [machine] = _of(resources, "StepFunctions::StateMachine").values()
    states = json.loads(text(machine["Properties"]["DefinitionString"]))["States"]
    boxes, arrows = {}, []
    caught: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, state in states.items():
        match state:
            case {"Type": "Choice", "Choices": [choice], "Default": otherwise}:
                boxes[name] = f'{{"{name}"}}'
                arrows += [(name, "-- yes -->", choice["Next"]), (name, "-- no -->", otherwise)]
            case {"Type": "Fail"}:
                boxes[name] = f'(("{name}"))'
            case {"Resource": invoked}:
                function = resources.get(re.sub(r"^\$\{(\w+)\.Arn\}$", r"\1", invoked))
                by = _name(name, function) if function else "a queue"
                boxes[name] = f'["{name}<br/><i>{by}</i>"]'
        if "Next" in state:
            arrows.append((name, "-->", state["Next"]))
        for catch in state.get("Catch", []):
            error = "any error" if catch["ErrorEquals"] == ["States.ALL"] else "not confirmed"
            caught[error, catch["Next"]].append(name)
    # One arrow from the frame of the steps stands for the arrows that nearly all of them have.
    group = max(caught.values(), key=len)
    for (error, handler), names in caught.items():
        if set(names) <= set(group):
            others = [name for name in group if name not in names]
            label = f"{error}, but for {', '.join(others)}" if others else error
            arrows.append(("steps", f"-. {label} .->", handler))
        else:
            arrows += [(name, f"-. {error} .->", handler) for name in names]
    handlers = {handler for _, handler in caught}
    return _flowchart("TD", boxes, arrows, [name for name in boxes if name not in handlers])


def product(template: Any) -> str:
    """Draw a TapStack: its parts, and which part refers to which."""
    resources = template["Resources"]
    parts: dict[str, Counter[str]] = defaultdict(Counter)
    arrows = set()
    for name, resource in resources.items():
        parts[_part(name)][resource["Type"].rpartition("::")[2]] += 1
        for other in _references(resource.get("Properties"), resources):
            if _part(other) != _part(name):
                arrows.add((_part(name), "-->", _part(other)))
    boxes = {}
    for part, types in parts.items():
        told = [f"{count} {kind}" for kind, count in sorted(types.items()) if TELLING.fullmatch(kind)]
        others = sum(count for kind, count in types.items() if not TELLING.fullmatch(kind))
        boxes[part] = f'["<b>{part}</b><br/>{"<br/>".join(told)}<br/>and {others} more"]'
    return _flowchart("LR", boxes, sorted(arrows))


def _arrows(resources: Resources) -> Iterator[Arrow]:
    [machine] = _of(resources, "StepFunctions::StateMachine")
    [launch] = _trusting(resources, "servicecatalog.amazonaws.com")
    [execution] = _trusting(resources, "cloudformation.amazonaws.com")
    called = list(_references(resources[machine]["Properties"]["DefinitionString"], resources))
    yield machine, "-- assumes -->", launch
    yield launch, "-- TapStack-* -->", "CloudFormation"
    yield "CloudFormation", "-- assumes -->", execution
    for name, resource in resources.items():
        properties = resource["Properties"]
        match resource["Type"]:
            case "AWS::SQS::Queue":
                if name in called:
                    yield machine, "-. not confirmed .->", name
                if "QueueName" in properties:  # Service Catalog finds it by this name
                    yield "Service Catalog", "-- operations -->", name
                for other in _references(properties.get("RedrivePolicy"), resources):
                    yield name, f"-. {properties['RedrivePolicy']['maxReceiveCount']} tries .->", other
            case "AWS::Lambda::EventSourceMapping":
                yield properties["EventSourceArn"]["Fn::GetAtt"][0], "-->", properties["FunctionName"]["Ref"]
            case "AWS::Lambda::Function" if name.startswith("Engine"):
                if "FunctionName" in properties:
                    yield "Service Catalog", "-- launch form -->", name
                for other in _references(properties["Environment"], resources):
                    yield name, "-- starts -->" if other == machine else "-. cannot answer .->", other
                if "servicecatalog:NotifyProvision" in str(_policies(resources, resource)):
                    yield name, "-- answers -->", "Service Catalog"
                    if name in called:
                        yield machine, "-->", name
            case "AWS::Events::Rule":
                for other in _references(properties.get("EventPattern"), resources):
                    yield other, "-.->", name
                for target in properties["Targets"]:
                    yield name, "-->", target["Arn"]["Fn::GetAtt"][0]


def _name(logical_id: str, resource: Any) -> str:
    """Return the name of a resource that a person uses."""
    match resource["Type"], resource["Properties"]:
        case "AWS::Lambda::Function", {"Handler": handler}:
            return str(handler.partition(".")[0])
        case "AWS::Events::Rule", {"ScheduleExpression": schedule}:
            return str(schedule)
        case "AWS::Events::Rule", {"EventPattern": {"detail": {"status": statuses}}}:
            return ", ".join(statuses)
        case _, {"RoleName": name} | {"StateMachineName": name}:
            return str(name)
    return re.sub("^Engine|[0-9A-F]{8}$", "", logical_id)


def _of(resources: Resources, kind: str) -> Resources:
    return {name: one for name, one in resources.items() if one["Type"] == f"AWS::{kind}"}


def _trusting(resources: Resources, service: str) -> list[str]:
    roles = _of(resources, "IAM::Role").items()
    return [name for name, role in roles if service in str(role["Properties"]["AssumeRolePolicyDocument"])]


def _policies(resources: Resources, function: Any) -> list[Any]:
    role = resources[function["Properties"]["Role"]["Fn::GetAtt"][0]]
    return [resources[policy["Ref"]] for policy in role["Properties"]["ManagedPolicyArns"]]


def _part(logical_id: str) -> str:
    """Return the construct that a resource of the product belongs to; its logical id begins with it."""
    found = re.match("[A-Z][a-z]+", logical_id)
    assert found, logical_id
    return found[0]


def _references(value: object, resources: Resources) -> Iterator[str]:
    """Yield the resources that a value refers to."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            if name in resources:
                yield name
        case dict():
            for each in value.values():
                yield from _references(each, resources)
        case list():
            for each in value:
                yield from _references(each, resources)


def _flowchart(
    direction: str, boxes: Mapping[str, str], arrows: Iterable[Arrow], steps: Iterable[str] = ()
) -> str:
    """Return a fenced flowchart. A box is written as Mermaid writes its shape, with the label in it.

    Those of `steps` are in one frame, to which arrows refer as "steps".
    """
    written = {name: f"{_id(name)}{box}" for name, box in boxes.items()}
    lines = [*(box for name, box in written.items() if name not in steps)]
    if steps:
        lines += ["subgraph steps [ ]", *(f"    {written[name]}" for name in steps), "end"]
    lines += [f"{_id(source)} {arrow} {_id(target)}" for source, arrow, target in dict.fromkeys(arrows)]
    return "\n".join(["```mermaid", f"flowchart {direction}", *(f"    {line}" for line in lines), "```"])


def _id(name: str) -> str:
    return re.sub(r"\W", "", name)
