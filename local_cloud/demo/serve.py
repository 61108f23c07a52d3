"""Serve the local cloud with the catalog deployed, for the real aws command."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from rich.console import Console

from ..account import REGION
from .refusals import ROOT
from .stopping import Stop
from .synthesize import Offer, catalog, offer


def serve(console: Console, port: int, speed: float, stop: Stop) -> int:
    """Serve until interrupted or terminated. Returns 0."""
    with catalog(console, port, speed, databases=True) as cloud:
        offered = offer(cloud)
        # No word stands between the blocks, for those who paste both at once.
        console.print(
            "\n[bold]The cloud is up.[/] Paste this into another terminal. The first block points its aws "
            f"command at the cloud, the second lives the life of a product ({offered.product_name} "
            f"{offered.version_name}), line by line or all at once; tapstack_psql alone opens psql:\n"
        )
        console.print(to_reach(cloud.endpoint, offered), markup=False, soft_wrap=True)
        console.print(LIFE, markup=False, soft_wrap=True)
        console.print("Everything is gone when you stop it: Ctrl-C.")
        stop.wait()
    console.print("Stopped; nothing is left.")
    return 0


def to_reach(endpoint: str, offered: Offer) -> str:
    """Return what makes the aws command of a terminal, in bash and zsh, talk to the cloud at `endpoint`.

    Its variables have names of their own: make reads VERSION, RECORD and others from the environment.
    """
    # Version 1 of the command ignores AWS_ENDPOINT_URL for rds and sqs. An alias may name a profile of the
    # user's, and so a real account. At its prompt zsh takes no comments.
    aws = shlex.quote(str(Path(sys.executable).with_name("aws")))
    # psql finds the files of the directory that it is called in.
    psql = f"PYTHONPATH={shlex.quote(str(ROOT))} {shlex.quote(sys.executable)} -P -m local_cloud.demo psql"
    return f"""\
export AWS_ENDPOINT_URL={endpoint} AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_PAGER= NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
unset AWS_PROFILE AWS_SESSION_TOKEN
unalias aws 2> /dev/null
function aws {{ {aws} --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }}
function tapstack_psql {{ {psql} --endpoint "$AWS_ENDPOINT_URL" "$@"; }}
export TAPSTACK_PRODUCT={offered.product_id} TAPSTACK_PATH={offered.path_id}
export TAPSTACK_VERSION={offered.version_id}
"""


LIFE = """\
aws servicecatalog search-products
aws servicecatalog describe-provisioning-parameters --product-id $TAPSTACK_PRODUCT \\
  --provisioning-artifact-id $TAPSTACK_VERSION --path-id $TAPSTACK_PATH
export TAPSTACK_RECORD=$(aws servicecatalog provision-product --provisioned-product-name payments \\
  --product-id $TAPSTACK_PRODUCT --provisioning-artifact-id $TAPSTACK_VERSION --path-id $TAPSTACK_PATH \\
  --provisioning-parameters Key=EnvironmentSuffix,Value=dev Key=OpsEmails,Value=ops@example.com \\
  --query RecordDetail.RecordId --output text)
while aws servicecatalog describe-record --id $TAPSTACK_RECORD --query RecordDetail.Status \\
  | grep -E 'CREATED|IN_PROGRESS'; do sleep 1; done
aws servicecatalog describe-record --id $TAPSTACK_RECORD
tapstack_psql --command 'SELECT version(), current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
curl $AWS_ENDPOINT_URL/_local/mailbox
aws servicecatalog terminate-provisioned-product --provisioned-product-name payments
"""
