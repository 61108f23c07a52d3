"""Versions for tests of updates, which nobody released: the newest versions with small changes.

Each change is a function. Its name says how the version differs from the newest of its release line.
"""

import copy
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from product_template.release_line import RELEASE_LINES
from product_template.releasing import released_versions
from product_template.releasing.released_versions import JsonTemplate
from product_template.releasing.version import Version

RELEASED = released_versions.templates()
NEWEST = {number: released_versions.newest(number, RELEASED) for number in RELEASE_LINES}
# In the order of their releases.
RELEASES = [
    Version.parse(name.removesuffix(released_versions.ENDING)) for name in released_versions.digests()
]
Change = Callable[[JsonTemplate], None]


def few_alarms(template: JsonTemplate) -> None:
    """Two alarms instead of all, and no dashboard."""
    kept = {"MonitoringCpuAlarm", "MonitoringConnectionsAlarm"}
    kinds = ("AWS::CloudWatch::", "AWS::Logs::MetricFilter")
    _drop(template, lambda name, resource: resource["Type"].startswith(kinds) and name not in kept)


def no_exports(template: JsonTemplate) -> None:
    """Snapshots are not exported."""
    _drop(template, lambda name, _: name.startswith(("Exports", "MonitoringExport")))


def no_flow_logs(template: JsonTemplate) -> None:
    """The network's traffic is not logged, so the key does not serve that log."""
    _drop(template, lambda name, _: name.startswith("NetworkFlowLog"))
    policy = _properties(template, "EncryptionKey")["KeyPolicy"]
    policy["Statement"] = [one for one in policy["Statement"] if "/aws/vpc/flow-log-" not in json.dumps(one)]


def open_endpoints(template: JsonTemplate) -> None:
    """The VPC endpoints have no policies."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::EC2::VPCEndpoint":
            del resource["Properties"]["PolicyDocument"]


def other_functions(template: JsonTemplate) -> None:
    """The functions behind custom resources have other code, and less time."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Code"]["ZipFile"] += "\n# as it was\n"
            resource["Properties"]["Timeout"] = 600


def no_swap_alarm(template: JsonTemplate) -> None:
    """One alarm less."""
    _drop(template, lambda name, _: name == "MonitoringSwapAlarm")


def no_connection_limit(template: JsonTemplate) -> None:
    """RDS chooses max_connections. It is a static parameter, so setting it later reboots the database."""
    del _properties(template, "DatabaseParameterGroup")["Parameters"]["max_connections"]


def no_choice_of_extended_support(template: JsonTemplate) -> None:
    """One input less: its value is fixed."""
    rules = template["Parameters"].pop("EngineLifecycleSupport")
    _properties(template, "DatabaseInstance")["EngineLifecycleSupport"] = rules["Default"]
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    del interface["ParameterLabels"]["EngineLifecycleSupport"]
    for group in interface["ParameterGroups"]:
        group["Parameters"] = [name for name in group["Parameters"] if name in template["Parameters"]]


def no_output_of_subnets(template: JsonTemplate) -> None:
    """One output less."""
    del template["Outputs"]["PrivateSubnetIds"]


def trust_on_a_condition(template: JsonTemplate) -> None:
    """The roles of functions trust Lambda only for this account, and have a few more permissions."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            [trust] = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            if trust["Principal"] == {"Service": "lambda.amazonaws.com"}:
                trust["Condition"] = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    [logs, *_] = _properties(template, "NetworkCloserRolePolicy")["PolicyDocument"]["Statement"]
    logs["Action"].append("logs:DescribeLogStreams")


def smaller_queries(template: JsonTemplate) -> None:
    """Sets another static parameter, which reboots the database."""
    _properties(template, "DatabaseParameterGroup")["Parameters"]["track_activity_query_size"] = "4096"


def choice_of_cpu_threshold(template: JsonTemplate) -> None:
    """One input more, with a default, and an alarm that uses it."""
    template["Parameters"]["CpuThreshold"] = {
        "Type": "Number",
        "Default": 80,
        "MinValue": 1,
        "MaxValue": 100,
        "Description": "Percent of the CPU above which alarm cpu fires.",
        "ConstraintDescription": "must be a whole number from 1 to 100",
    }
    _properties(template, "MonitoringCpuAlarm")["Threshold"] = {"Ref": "CpuThreshold"}


def output_of_parameter_group(template: JsonTemplate) -> None:
    """One output more."""
    template["Outputs"]["ParameterGroupName"] = {
        "Description": "The DB parameter group",
        "Value": {"Ref": "DatabaseParameterGroup"},
    }


def _drop(template: JsonTemplate, unwanted: Callable[[str, Any], bool]) -> None:
    """Remove resources, and the outputs that refer to them."""
    resources, outputs = template["Resources"], template["Outputs"]
    gone = [name for name, resource in resources.items() if unwanted(name, resource)]
    assert gone, "nothing to remove: the template has changed"
    for name in gone:
        del resources[name]
    told = [key for key, output in outputs.items() if any(f'"{name}"' in json.dumps(output) for name in gone)]
    for key in told:
        del outputs[key]


def _properties(template: JsonTemplate, name: str) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"][name]["Properties"]
    return properties


def derived(line: int, *changes: Change) -> JsonTemplate:
    """Return the newest version of a release line with some changes."""
    template = copy.deepcopy(RELEASED[NEWEST[line]])
    for change in changes:
        change(template)
    return template


# Little more than half of the resources, for tests about the engine.
OLDEST = Version(1, NEWEST[1].minor - 1, 91)
EARLIER = OLDEST._replace(patch=92)
LATER = {line: Version(line, newest.minor + 1, 0) for line, newest in NEWEST.items()}
_MORE = (smaller_queries, choice_of_cpu_threshold, output_of_parameter_group)

# In the order of their releases: LATER[1] came after NEWEST[2], so it upgrades to LATER[2].
ALL: dict[Version, JsonTemplate] = {
    OLDEST: derived(
        1,
        few_alarms,
        no_exports,
        no_flow_logs,
        open_endpoints,
        other_functions,
        no_connection_limit,
        no_choice_of_extended_support,
        no_output_of_subnets,
    ),
    EARLIER: derived(1, no_swap_alarm, no_output_of_subnets, trust_on_a_condition),
    **{version: RELEASED[version] for version in RELEASES},
    **{LATER[line]: derived(line, *_MORE) for line in RELEASE_LINES},
}


def shelve(directory: Path, versions: Iterable[Version] = ALL) -> None:
    """Fill a directory with versions, as releases do."""
    for version in versions:
        released_versions.add(version, (json.dumps(ALL[version], indent=1) + "\n").encode(), directory)
