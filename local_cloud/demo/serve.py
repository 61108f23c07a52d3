"""Serve the local cloud with the catalog deployed, for the real aws command."""

from __future__ import annotations

import signal
import threading

from rich.console import Console

from ..account import REGION
from .synthesize import catalog, offer


def serve(console: Console, port: int, speed: float) -> int:
    """Serve until interrupted or terminated. Returns 0."""
    stop = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    with catalog(console, port, speed) as cloud:
        offered = offer(cloud)
        console.print(
            f"""
[bold]The cloud is up.[/] Paste this into another terminal:

  export AWS_ENDPOINT_URL={cloud.endpoint} AWS_DEFAULT_REGION={REGION} AWS_PAGER= \\
         AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
  # Version 1 of the aws command ignores that URL for rds and sqs unless it is told so:
  aws() {{ command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }}
  export PRODUCT={offered.product_id} VERSION={offered.version_id} LAUNCH_PATH={offered.path_id}

and live the life of a product ({offered.product_name} {offered.version_name}):

  aws servicecatalog search-products
  aws servicecatalog describe-provisioning-parameters --product-id $PRODUCT \\
      --provisioning-artifact-id $VERSION --path-id $LAUNCH_PATH
  aws servicecatalog provision-product --provisioned-product-name payments \\
      --product-id $PRODUCT --provisioning-artifact-id $VERSION --path-id $LAUNCH_PATH \\
      --provisioning-parameters Key=…,Value=… Key=…,Value=…
  aws servicecatalog describe-record --id rec-…

Mail that SNS sends here: curl {cloud.endpoint}/_local/mailbox
No `aws` command? This project's own: .venv/bin/aws
Everything is gone when you stop it: Ctrl-C.
""",
            soft_wrap=True,
        )
        while not stop.wait(timeout=1):
            pass
    console.print("Stopped; nothing is left.")
    return 0
