from typing import Any

import pytest
from engine.errors import TemplateUnsuitableError
from engine.models import Parameter
from engine.template import Template
from validate.template_rules import require_product, resolve
from validate.violations import Violation, refusal


def check(rules: Any, value: str) -> Any:
    """Return the lines about one parameter P with the given rules and value."""
    template = Template.parse({"Parameters": {"P": rules}, "Resources": {"R": {"Type": "T"}}})
    _, violations = resolve(template, [Parameter(key="P", value=value)], {})
    return [str(violation) for violation in violations]


@pytest.mark.parametrize(
    ("rules", "good", "bad", "rule"),
    [
        ({"Type": "Number"}, "1.5", "many", "must be a number"),
        ({"Type": "Number"}, "-3", "nan", "must be a number"),
        ({"Type": "Number"}, "7", " 7", "must be a number"),
        ({"Type": "Number", "MinValue": 20}, "20", "19", "must be at least 20"),
        ({"Type": "Number", "MaxValue": "65536"}, "65536", "65536.5", "must be at most 65536"),
        ({"Type": "Number", "AllowedValues": [7, 14]}, "14", "8", "must be one of 7, 14"),
        ({"Type": "List<Number>", "MinValue": 2}, "2, 3", "2,1", "must be at least 2"),
        ({"Type": "String", "MinLength": 2}, "ab", "a", "must have at least 2 characters"),
        ({"Type": "String", "MaxLength": "2"}, "ab", "abc", "must have at most 2 characters"),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "b", "B", "must be one of a, b"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc", "abc1", "must match the pattern [a-z]+"),
        ({"Type": "String", "AllowedPattern": "a|ab"}, "ab", "abc", "must match the pattern a|ab"),
        (
            {"Type": "CommaDelimitedList", "AllowedPattern": "[a-z]+"},
            "a, b",
            "a,B",
            "must match the pattern [a-z]+",
        ),
        (
            {"Type": "AWS::EC2::VPC::Id", "AllowedPattern": "vpc-.*"},
            "vpc-1",
            "1",
            "must match the pattern vpc-.*",
        ),
    ],
)
def test_each_rule_of_a_template_is_kept_as_cloudformation_keeps_it(
    rules: Any, good: str, bad: str, rule: str
) -> None:
    assert check(rules, good) == []
    (line,) = check(rules, bad)
    assert line.startswith(f"- P: {rule} (given: ")


def test_the_templates_own_words_for_a_rule_come_first() -> None:
    rules = {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "must be lower case."}
    assert check(rules, "A") == ['- P: must be lower case (given: "A")']


def test_of_a_list_only_the_wrong_elements_are_named() -> None:
    lines = check({"Type": "CommaDelimitedList", "AllowedPattern": "[a-z]+"}, "a,B,c,D")
    assert [line[-4:-1] for line in lines] == ['"B"', '"D"']


def test_a_secret_value_is_never_shown() -> None:
    (line,) = check({"Type": "String", "NoEcho": True, "MinLength": 20}, "hunter2")
    assert "hunter2" not in line


def test_a_long_value_is_shortened() -> None:
    (line,) = check({"Type": "String", "MaxLength": 10}, "x" * 4000)
    assert len(line) < 200


@pytest.fixture
def product(product_template: dict[str, Any]) -> Any:
    return Template.parse(product_template)


def given(**values: Any) -> Any:
    return [Parameter(key=key, value=value) for key, value in values.items()]


def test_what_is_left_out_gets_the_default(product: Template) -> None:
    values, violations = resolve(product, given(EnvironmentSuffix="dev", OpsEmails="a@example.com"), {})
    assert violations == []
    assert values.keys() == product.parameters.keys()
    assert (values["InstanceClass"], values["AllocatedStorage"]) == ("db.r6g.xlarge", "100")


def test_an_update_keeps_what_the_stack_has_over_what_the_template_says(product: Template) -> None:
    current = {
        "EnvironmentSuffix": "dev",
        "OpsEmails": "a@example.com",
        "AllocatedStorage": "300",
        "Gone": "x",
    }
    values, violations = resolve(product, given(BackupRetentionDays="14"), current)
    assert violations == []
    assert (values["AllocatedStorage"], values["BackupRetentionDays"]) == ("300", "14")
    assert "Gone" not in values


def test_a_value_to_be_kept_is_that_of_the_stack_or_for_a_new_input_the_default(product: Template) -> None:
    current = {"EnvironmentSuffix": "dev", "OpsEmails": "a@example.com", "Gone": "x"}
    kept = given(EnvironmentSuffix=None, OpsEmails=None, BackupRetentionDays=None, Gone=None)
    values, violations = resolve(product, kept, current)
    assert violations == []
    assert (values["EnvironmentSuffix"], values["BackupRetentionDays"]) == ("dev", "7")
    assert "Gone" not in values


def test_a_value_to_be_kept_that_there_never_was_is_required_or_a_mistake(product: Template) -> None:
    _, violations = resolve(product, given(EnvironmentSuffix=None, OpsEmails="a@example.com", Typo=None), {})
    assert [violation.input for violation in violations] == ["Typo", "EnvironmentSuffix"]


def test_what_an_update_is_to_keep_of_a_launch_that_made_no_stack_has_to_be_given_again(
    product: Template,
) -> None:
    kept = given(EnvironmentSuffix="dev", OpsEmails="a@example.com", VpcCidr=None, BackupRetentionDays="14")
    _, violations = resolve(product, kept, {}, updates=True)
    assert [str(violation) for violation in violations] == [
        "- VpcCidr: has no previous value, because there is no stack yet: give a value"
    ]
    # What is not mentioned gets its default, as in a launch.
    assert (
        resolve(product, given(EnvironmentSuffix="dev", OpsEmails="a@example.com"), {}, updates=True)[1] == []
    )


def test_a_value_for_an_input_that_the_version_dropped_is_a_mistake(product: Template) -> None:
    current = {"EnvironmentSuffix": "dev", "OpsEmails": "a@example.com", "Gone": "x"}
    _, violations = resolve(product, given(Gone="y"), current)
    assert [str(violation) for violation in violations] == [
        "- Gone: is not an input of this version: remove it"
    ]


def test_all_wrong_inputs_are_found_at_once(product: Template) -> None:
    values = given(EnvironmentSuffix="Bad_Suffix", OpsEmails="nope", AllocatedStorage="5", Typo="1")
    _, violations = resolve(product, values, {})
    assert [violation.input for violation in violations] == [
        "Typo",
        "EnvironmentSuffix",
        "OpsEmails",
        "AllocatedStorage",
    ]


@pytest.mark.parametrize("values", [{}, {"EnvironmentSuffix": "", "OpsEmails": ""}])
def test_an_input_without_default_is_required_and_empty_is_not_given(product: Template, values: Any) -> None:
    _, violations = resolve(product, given(**values), {})
    assert [violation.input for violation in violations] == ["EnvironmentSuffix", "OpsEmails"]
    assert str(violations[0]).startswith("- EnvironmentSuffix: is required and must be 2 to 20 characters")


def test_an_input_given_twice_is_a_mistake(product: Template) -> None:
    twice = given(EnvironmentSuffix="dev", OpsEmails="a@example.com") + given(EnvironmentSuffix="prod")
    _, violations = resolve(product, twice, {})
    assert [str(violation) for violation in violations] == ["- EnvironmentSuffix: is given twice"]


def test_a_secret_can_not_be_kept_on_update_because_it_can_not_be_read() -> None:
    secret = {"Type": "String", "NoEcho": True, "Default": "initial"}
    template = Template.parse({"Parameters": {"P": secret}, "Resources": {"R": {"Type": "T"}}})
    assert resolve(template, [], {})[0] == {"P": "initial"}
    assert [violation.input for violation in resolve(template, [], {"P": "****"})[1]] == ["P"]


@pytest.mark.parametrize("suffix", ["ab", "a-b-c", "prod2", "a" * 20])
def test_good_suffixes(product: Template, suffix: str) -> None:
    assert resolve(product, given(EnvironmentSuffix=suffix, OpsEmails="a@example.com"), {})[1] == []


@pytest.mark.parametrize("suffix", ["a", "a" * 21, "1ab", "a--b", "ab-", "a_b", "Ab", "ab\n"])
def test_bad_suffixes(product: Template, suffix: str) -> None:
    _, (violation,) = resolve(product, given(EnvironmentSuffix=suffix, OpsEmails="a@example.com"), {})
    assert violation.input == "EnvironmentSuffix"


def test_a_template_that_is_not_ours_is_refused_with_what_it_lacks() -> None:
    template = Template.parse({"Resources": {"R": {"Type": "AWS::SNS::Topic"}}})
    with pytest.raises(TemplateUnsuitableError) as refused:
        require_product(template)
    for part in (
        "parameter EnvironmentSuffix",
        "parameter OpsEmails",
        "output AlertTopicArn",
        "AWS::RDS::DBInstance",
    ):
        assert part in str(refused.value)


def test_the_products_own_template_is_ours(product: Template) -> None:
    require_product(product)


@pytest.mark.parametrize("count", [1, 3, 500])
def test_the_report_fits_service_catalog_and_counts_what_it_leaves_out(count: int) -> None:
    report = str(
        refusal([Violation(f"Input{number}", "must be better", "x" * 70) for number in range(count)])
    )
    lines = report.splitlines()[1:]
    assert len(report) <= 2048
    if count <= 3:
        assert len(lines) == count
    else:
        assert lines[-1] == f"- and {count - len(lines) + 1} more"
