"""The settings of a deployment: CDK context under the prefix `catalog:`, typed and checked at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
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

from product_template.releasing import version as released

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
    if not all(separator for _, separator, _ in pairs):
        raise ValueError("must be written name=value, with commas between")
    return {name: text for name, _, text in pairs}


def _some_released(names: list[str], info: ValidationInfo) -> list[str]:
    versions = list(map(str, released.templates(info.context or released.DIRECTORY)))
    if not set(names) <= set(versions):
        raise ValueError(f"must be versions of the product, which are {', '.join(versions)}")
    if set(names) == set(versions):
        raise ValueError("must leave a version that can be launched")
    return names


def _matching(pattern: str, rule: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {rule}")
        return value

    return AfterValidator(check)


# AssociatePrincipalWithPortfolio takes a complete ARN, or a pattern that leaves out the account, so that a
# shared portfolio opens to the role of that name in every account, and may have * and ? in the name.
Principal = Annotated[
    str,
    _matching(
        r"arn:aws:iam::(\d{12}:(role|user|group)/[\w+=,.@/-]+|:(role|user|group)/[\w+=,.@/*?-]+)",
        "the ARN of an IAM role, user or group, or a pattern such as arn:aws:iam:::role/Team*",
    ),
]
Account = Annotated[str, _matching(r"\d{12}", "an AWS account id of 12 digits")]
Email = Annotated[str, _matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an email address")]
Url = Annotated[str, _matching(r"https?://\S+", "a URL that starts with http:// or https://")]


class Settings(BaseModel):
    """What a platform team may decide. Every field is the context key `catalog:<camelCaseName>`.

    Attributes:
        principals: who may launch, as IAM ARNs or patterns; none until you name some.
        provisioning_accounts: further accounts that import the portfolio and launch into themselves.
        inactive_versions: versions that nobody may launch or update to, such as one with a defect.
        hub_account: set in such an account, to deploy only the launch roles there, trusting this hub.
        owner: shown as the provider of the portfolio and the owner of the product.
        support_email, support_url, support_description: shown to whoever launches.
        alarm_email: the platform team's address for alarms of the engine itself.
        log_retention: for every log group of the engine.
        step_concurrency: how many operations may be in the same step at a time, of those steps that call
            CloudFormation and RDS. Reserved from the account's Lambda concurrency, which has to keep 100
            unreserved; 0 reserves none.
        queues_refuse_account: whether the queues for operations refuse what principals of the catalog's own
            account send, administrators included.
        tags: put on every resource of the catalog.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    principals: Annotated[list[Principal], BeforeValidator(_split)] = []
    provisioning_accounts: Annotated[list[Account], BeforeValidator(_split)] = []
    inactive_versions: Annotated[list[str], BeforeValidator(_split), AfterValidator(_some_released)] = []
    hub_account: Account | None = None
    owner: Annotated[str, Field(min_length=1, max_length=50)] = "Platform team"
    support_email: Email | None = None
    support_url: Url | None = None
    support_description: Annotated[str, Field(min_length=1, max_length=8191)] = (
        "A failed launch, update or termination says why in its record. "
        "Correct what it names and try again; contact the owner if that does not help."
    )
    alarm_email: Email | None = None
    log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS
    step_concurrency: Annotated[int, Field(ge=0)] = 0
    queues_refuse_account: bool = True
    tags: Annotated[dict[str, str], BeforeValidator(_pairs)] = {}

    @classmethod
    def from_context(
        cls,
        node: constructs.Node,
        environment: Mapping[str, str] = os.environ,
        versions: Path = released.DIRECTORY,
    ) -> Settings:
        """Read the app's context and the region that the CDK CLI would deploy to.

        `versions` is the directory of the versions on offer, of which some may be inactive.

        Raises:
            SettingsError: naming all that is wrong.
        """
        region = environment.get("CDK_DEFAULT_REGION", REGION)
        wrong = (
            []
            if region == REGION
            else [f"region: must be {REGION}, the only region of this product; got {region!r}"]
        )
        context = node.get_all_context()
        values = {key.removeprefix(PREFIX): value for key, value in context.items() if key.startswith(PREFIX)}
        try:
            settings = cls.model_validate(values, context=versions)
        except ValidationError as error:
            wrong += [_sentence(problem) for problem in error.errors()]
        if wrong:
            raise SettingsError(
                "\n".join(["These settings cannot be used:", *(f"  {line}" for line in wrong)])
            )
        return settings


def _sentence(problem: Any) -> str:
    key = PREFIX + ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = ", ".join(PREFIX + to_camel(name) for name in Settings.model_fields)
        return f"{key}: no such setting; known are {known}"
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}; got {problem['input']!r}"
