"""A Lambda context, and the functions' clients."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boto3

EVENTS = Path(__file__).parents[1] / "events"


@dataclass
class Context:
    """The part of Lambda's context that the engine's wrapper reads."""

    function_name: str = "verb"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:verb"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"


client = cache(boto3.client)  # making one takes longer than most tests
