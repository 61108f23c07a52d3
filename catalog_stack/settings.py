"""The settings of a deployment: CDK context with the prefix `catalog:`, typed and checked all together."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import constructs
from aws_cdk import aws_logs as logs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)
from pydantic.alias_generators import to_camel

from product_template.releasing import released_versions

REGION = "us-east-1"
PREFIX = "catalog:"


class SettingsError(ValueError):
    """The context or the region cannot be used. The message names every wrong key, its rule and its value."""


def _split(value: Any) -> Any:
    """Read `-c key=a,b` as a list: the command line can only pass strings."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _pairs(value: Any) -> Any:
    """Read `-c key=name=value,name=value` as a mapping."""
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in _split(value)]
    return {name: text for name, separator, text in pairs} if all(pair[1] for pair in pairs) else value


def _some_released(names: list[str], info: ValidationInfo) -> list[str]:
    versions = list(map(str, released_versions.templates(info.context or released_versions.DIRECTORY)))
    if not set(names) <= set(versions):
        raise ValueError(f"must be versions of the product, which are {', '.join(versions)}")
    if set(names) == set(versions):
        raise ValueError("must leave a version that can be launched")
    return names


def _rule(text: str, **constraints: Any) -> Any:
    """Return a field with constraints. If a value breaks one, the message says that it must be `text`."""
    return Field(description=text, **constraints)


# AssociatePrincipalWithPortfolio takes a complete ARN or a pattern. A pattern has no account, so a shared
# portfolio opens to the role of that name in every account; the name may have * and ?.
Principal = Annotated[
    str,
    Field(
        pattern=r"^arn:aws:iam::(\d{12}:(role|user|group)/[\w+=,.@/-]+|:(role|user|group)/[\w+=,.@/*?-]+)$"
    ),
]
Account = Annotated[str, Field(pattern=r"^\d{12}$")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Url = Annotated[str, Field(pattern=r"^https?://\S+$")]


class Settings(BaseModel):
    """What a platform team may decide. Every field is the context key `catalog:<camelCaseName>`.

    Attributes:
        principals: who may launch, as IAM ARNs or patterns; empty means nobody.
        provisioning_accounts: other accounts, which import the portfolio and launch into themselves.
        inactive_versions: versions that nobody may launch or update to, such as one with a defect.
        hub_account: the account of the engine, set in a provisioning account. With it the app also has the
            stack LaunchRoles, whose roles trust the hub account.
        owner: shown as the provider of the portfolio and the owner of the product.
        support_email, support_url, support_description: shown to whoever launches.
        alarm_email: the platform team's address for the engine's alarms.
        log_retention: for every log group of the engine.
        step_concurrency: how many operations may be in one step at the same time, for steps that call
            CloudFormation or RDS. It is reserved from the account's Lambda concurrency, of which 100 must
            stay unreserved; 0 reserves none.
        queues_refuse_account: whether the queues for operations refuse messages from principals of the hub
            account, administrators included.
        tags: put on every resource of the catalog.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    principals: Annotated[
        list[Principal],
        BeforeValidator(_split),
        _rule("ARNs of IAM roles, users or groups, or patterns such as arn:aws:iam:::role/Team*"),
    ] = []
    provisioning_accounts: Annotated[
        list[Account], BeforeValidator(_split), _rule("AWS account ids of 12 digits")
    ] = []
    inactive_versions: Annotated[
        list[str], BeforeValidator(_split), AfterValidator(_some_released), _rule("versions of the product")
    ] = []
    hub_account: Annotated[Account | None, _rule("an AWS account id of 12 digits")] = None
    owner: Annotated[str, _rule("1 to 50 characters", min_length=1, max_length=50)] = "Platform team"
    support_email: Annotated[Email | None, _rule("an email address")] = None
    support_url: Annotated[Url | None, _rule("a URL that starts with http:// or https://")] = None
    support_description: Annotated[str, _rule("1 to 8191 characters", min_length=1, max_length=8191)] = (
        "A failed launch, update or termination says why in its record. "
        "Correct what it names and try again; contact the owner if that does not help."
    )
    alarm_email: Annotated[Email | None, _rule("an email address")] = None
    log_retention: Annotated[
        logs.RetentionDays, _rule(f"one of {', '.join(each.value for each in logs.RetentionDays)}")
    ] = logs.RetentionDays.THREE_MONTHS
    step_concurrency: Annotated[int, _rule("a whole number, 0 or more", ge=0)] = 0
    queues_refuse_account: Annotated[bool, _rule("true or false")] = True
    tags: Annotated[
        dict[str, str], BeforeValidator(_pairs), _rule("name=value pairs with commas between, or an object")
    ] = {}

    @classmethod
    def from_context(
        cls,
        node: constructs.Node,
        environment: Mapping[str, str] = os.environ,
        versions: Path = released_versions.DIRECTORY,
    ) -> Settings:
        """Read the app's context and the region that the CDK CLI would deploy to.

        `versions` is the directory of the versions on offer, of which some may be inactive.

        Raises:
            SettingsError: a setting or the region is wrong. The message lists everything that is.
        """
        region = environment.get("CDK_DEFAULT_REGION", REGION)
        wrong = (
            []
            if region == REGION
            else [f"region: must be {REGION}, the only region of this product; got {region!r}"]
        )
        context = node.get_all_context()
        wrong += filter(None, map(_misspelled, context))
        values = {name: context[PREFIX + name] for name in _names() if PREFIX + name in context}
        try:
            settings = cls.model_validate(values, context=versions)
        except ValidationError as error:
            wrong += dict.fromkeys(_sentence(problem) for problem in error.errors())
        if wrong:
            lines = ["These settings cannot be used:", *(f"  {line}" for line in wrong)]
            raise SettingsError("\n".join([*lines, "Nothing was synthesized. Correct what is listed."]))
        return settings


def _names() -> list[str]:
    return [to_camel(name) for name in Settings.model_fields]


def _misspelled(key: str) -> str | None:
    """Return what is wrong with a key that looks like a setting and is none; None for any other key."""
    names = _names()
    written = {text.lower(): PREFIX + name for name in names for text in (name, PREFIX + name)}
    if key in written.values():
        return None
    if near := get_close_matches(key.lower(), written, n=1, cutoff=0.9):
        return f"{key}: must be written {written[near[0]]}"
    if re.match(r"catalog\W", key, re.IGNORECASE):
        return f"{key}: must be a setting, which are {', '.join(PREFIX + name for name in names)}"
    return None


def _sentence(problem: Any) -> str:
    name = problem["loc"][0]
    if problem["type"] == "value_error":
        rule = problem["msg"].removeprefix("Value error, ")
    else:
        fields = {field.alias: field for field in Settings.model_fields.values()}
        rule = f"must be {fields[name].description}"
    return f"{PREFIX}{name}: {rule}; got {problem['input']!r}"
