"""The local cloud: moto's AWS APIs on a loopback port, with what moto lacks or gets wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from moto.awslambda.models import lambda_backends
from moto.cloudformation.models import cloudformation_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.config import default_user_config
from moto.core.model_instances import reset_model_data
from moto.ec2.models import ec2_backends
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.logs.models import logs_backends
from moto.rds.models import rds_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.servicecatalog.models import servicecatalog_backends
from moto.servicequotas.models import servicequotas_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.models import stepfunctions_backends
from moto.sts.models import sts_backends

from . import moto_seam
from .clock import Clock
from .cloudformation.models import LocalCloudFormation
from .cloudwatch.models import LocalCloudWatch
from .ec2.models import LocalEC2
from .events.bus import Bus
from .events.models import LocalEvents
from .faults import Faults
from .iam import authorization  # noqa: F401 - importing it registers patches
from .iam.identity import Identity
from .iam.models import LocalIAM
from .iam.sts.models import LocalSTS
from .kms.models import LocalKMS
from .lambda_.models import LocalLambda
from .logs.models import LocalLogs
from .moto_seam import Local
from .quotas import models as quotas
from .rds.models import LocalRDS
from .rds.models import backend as rds
from .rds.secretsmanager.models import LocalSecretsManager
from .s3.models import LocalS3
from .server import application, once  # noqa: F401 - importing `once` registers patches
from .server.door import guarded
from .service_catalog.models import LocalServiceCatalog
from .sns.mailbox import Mailbox
from .sns.models import LocalSNS
from .sns.models import backend as sns
from .sqs.models import LocalSQS
from .step_functions.models import LocalStepFunctions

# moto's backends of a service -> the class that moto makes them of while a cloud runs.
BACKENDS: dict[BackendDict[Any], type[BaseBackend]] = {
    cloudformation_backends: LocalCloudFormation,
    cloudwatch_backends: LocalCloudWatch,
    ec2_backends: LocalEC2,
    events_backends: LocalEvents,
    iam_backends: LocalIAM,
    kms_backends: LocalKMS,
    lambda_backends: LocalLambda,
    logs_backends: LocalLogs,
    rds_backends: LocalRDS,
    s3_backends: LocalS3,
    secretsmanager_backends: LocalSecretsManager,
    servicecatalog_backends: LocalServiceCatalog,
    servicequotas_backends: quotas.LocalServiceQuotas,
    sns_backends: LocalSNS,
    sqs_backends: LocalSQS,
    stepfunctions_backends: LocalStepFunctions,
    sts_backends: LocalSTS,
}
MOTO = {"iam": {"load_aws_managed_policies": True}}


class AlreadyRunningError(Exception):
    """A cloud runs in this process already. One is the most, because moto keeps its state in modules."""


class Cloud:
    """A local cloud, which runs inside a `with` block. It forgets everything when it stops.

    Args:
        speed: AWS seconds that pass in one second here.
        port: the loopback port to serve on; 0 lets the system choose.
        databases: whether each DB instance has a PostgreSQL server. One takes a second and 60 MB or more.

    Attributes:
        clock: the cloud's time.
        identity: gives clients of its services, and notes what roles asked to do.
        bus: takes the events of its services to EventBridge's rules.
        faults: makes things go wrong when a test asks for it.
    """

    _running = threading.Lock()

    def __init__(self, speed: float = 300.0, port: int = 0, *, databases: bool = False) -> None:
        self.clock = Clock(speed)
        self.identity = Identity()
        self.faults = Faults()
        self.bus = Bus(self.clock, self.identity)
        self._port = port
        self._databases = databases
        self._at_stop: list[Callable[[], None]] = []

    @property
    def mailbox(self) -> Mailbox:
        """The mail that this cloud has sent."""
        return sns().mailbox

    @property
    def quotas(self) -> dict[str, float]:
        """Quota code -> the account's applied value. A change counts at once."""
        return quotas.backend().applied

    @property
    def endpoint(self) -> str:
        """The URL to give to AWS_ENDPOINT_URL."""
        return self.identity.endpoint

    def client(self, service: str) -> Any:
        """Return a boto3 client for `service`, with the account's administrator as the caller."""
        return self.identity.client(service)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve until `stop`.

        Raises:
            AlreadyRunningError: another Cloud of this process still runs.
            OSError: the port is taken.
        """
        if not Cloud._running.acquire(blocking=False):
            raise AlreadyRunningError("a local cloud is already running in this process; stop it first")
        try:
            self._register()
            pages = {
                "/_local/mailbox": lambda: self.mailbox.page(),
                "/_local/databases": lambda: rds().page(),
            }
            faulty = self.faults.api.on_the_way_to(application.answering(pages), self.clock.stopping)
            port, end = application.listen(guarded(faulty, pages), self._port)
            self._at_stop.append(end)
            self.identity.endpoint = f"http://127.0.0.1:{port}"
        except BaseException:
            self._undo()
            Cloud._running.release()
            raise

    def stop(self) -> None:
        """End every thread and process of this cloud and forget its state."""
        self.clock.stopping.set()
        self._undo()
        BackendDict.reset()
        reset_model_data()
        Cloud._running.release()

    def _register(self) -> None:
        """Put our backends and patches in the place of moto's until the cloud stops."""
        Local.clock, Local.identity = self.clock, self.identity
        Local.bus, Local.faults = self.bus, self.faults
        Local.databases_run = self._databases
        before = {backends: backends.backend for backends in BACKENDS}
        settings = dict(default_user_config)
        for backends, local in BACKENDS.items():
            backends.backend = local
        default_user_config.update(MOTO)  # type: ignore[typeddict-item]  # moto's type wants every setting

        def take_back() -> None:
            for backends, backend in before.items():
                backends.backend = backend
            default_user_config.update(settings)  # type: ignore[typeddict-item]  # `dict` loses moto's type

        # `_undo` starts with the last. The server ends before the backends, so no request restarts anything.
        self._at_stop += [take_back, moto_seam.apply_patches(), _stop_backends]

    def _undo(self) -> None:
        while self._at_stop:
            self._at_stop.pop()()


def _stop_backends() -> None:
    for backends in BACKENDS:
        for _, _, backend in list(backends.iter_backends()):
            if isinstance(backend, Local):
                backend.stop()
