"""CloudWatch: metrics of the services and of their users, and alarms that live."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.cloudwatch.models import (
    CloudWatchBackend,
    MetricAggregatedDatum,
    MetricDatum,
    MetricDatumBase,
    cloudwatch_backends,
)
from moto.core.base_backend import BackendDict
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends
from moto.sns.exceptions import SNSException
from moto.sqs.models import sqs_backends

from ..account import ACCOUNT_ID, REGION
from ..iam.trust import service_caller
from ..moto_seam import TURNS, Local, running
from ..sns.models import backend as sns
from ..sns.topic_policy import KeyAuthorizationError
from . import notification
from .alarms import Alarm, State
from .store import MINUTE, Figures, Store, key_of, of_value

log = logging.getLogger(__name__)

PRINCIPAL = "cloudwatch.amazonaws.com"
# The services that publish about what they have each minute. Their backends have a method `measured`, which
# yields the dimensions of a resource and its values by the names of the metrics.
MEASURED: Mapping[str, BackendDict[Any]] = {
    "AWS/NATGateway": ec2_backends,
    "AWS/RDS": rds_backends,
    "AWS/SQS": sqs_backends,
}
_SHORTEST = 0.25  # real seconds between two looks at the alarms
_MINUTES = 5  # how many data points of a measured metric readers get, each of them with the present value
_KEPT = 10_000  # data points that readers get, and items of the alarms' history


@dataclass(frozen=True)
class HistoryItem:
    """An item of the history of an alarm."""

    alarm_name: str
    history_item_type: str
    history_summary: str
    history_data: str
    timestamp: datetime
    alarm_type: str = "MetricAlarm"


@dataclass(frozen=True)
class _Change:
    """Another state of an alarm, of which EventBridge and topics have to hear."""

    alarm: Alarm
    before: State
    after: State


class LocalCloudWatch(Local, CloudWatchBackend):
    """CloudWatch. A thread evaluates alarms each AWS minute, and no more often than each quarter of a second.

    Readers of metrics see real time. Alarms see AWS minutes: a data point counts in the minute in which it
    comes.

    Attributes:
        store: the data points for alarms.
        history: what happened to alarms, oldest first; also to those that were deleted.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.store = Store(self.clock)
        self.history: deque[HistoryItem] = deque(maxlen=_KEPT)
        self._reading = threading.Lock()  # of `metric_data`
        self._wake = threading.Event()
        self._due: deque[_Change] = deque()
        self._evaluated = 0
        self._thread: threading.Thread | None = None

    def stop(self) -> None:
        """End the evaluation of alarms."""
        self._wake.set()
        if self._thread:
            self._thread.join()

    # Metrics.

    def publish(
        self, namespace: str, name: str, value: float, dimensions: Mapping[str, str], *, default: bool = False
    ) -> None:
        """Take a data point of a service. With `default`, alarms see it if its AWS minute gets no other."""
        listed = [{"Name": each, "Value": of} for each, of in dimensions.items()]
        with self._reading:
            self.metric_data.append(MetricDatum(namespace, name, value, listed, None))
            del self.metric_data[:-_KEPT]
        self.store.add(key_of(namespace, name, dimensions), of_value(value), default)

    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        """Take data points of a user."""
        with self._reading:
            before, self.metric_data = self.metric_data, []
            try:
                super().put_metric_data(namespace, metric_data)
            finally:
                added, self.metric_data = self.metric_data, before
            self.metric_data += added
            del self.metric_data[:-_KEPT]
        for datum in added:
            dimensions = {each.name or "": each.value or "" for each in datum.dimensions}
            self.store.add(key_of(namespace, datum.name, dimensions), _figures(datum))

    @property
    def aws_metric_data(self) -> list[MetricDatumBase]:
        """The data points of the last minutes of what services measure: the present values."""
        minute = utcnow().replace(second=0, microsecond=0)
        return super().aws_metric_data + [
            MetricDatum(
                namespace,
                name,
                value,
                [{"Name": each, "Value": of} for each, of in dimensions.items()],
                minute - timedelta(minutes=ago),
            )
            for namespace in MEASURED
            for dimensions, values in _measured(namespace)
            for name, value in values.items()
            for ago in range(_MINUTES)
        ]

    # Alarms.

    def put_metric_alarm(self, name: str, *settings: Any, **named: Any) -> Alarm:
        """Create an alarm, in INSUFFICIENT_DATA, or change one, which keeps its state."""
        before = self.alarms.get(name)
        try:
            made = super().put_metric_alarm(name, *settings, **named)
            alarm = Alarm(made, self.store.minute())
        except Exception:
            self.alarms.pop(name, None)
            if before:
                self.alarms[name] = before
            raise
        if isinstance(before, Alarm):
            alarm.keep_state_of(before)
        self.alarms[name] = alarm
        self._record(name, "ConfigurationUpdate", f'Alarm "{name}" {"updated" if before else "created"}', {})
        if len(self.alarms) == 1 and not before:
            self._evaluated = self.store.minute()
            self._start()
        return alarm

    def delete_alarms(self, alarm_names: list[str]) -> None:
        """Delete alarms. Their history stays."""
        for name in alarm_names:
            if name in self.alarms:
                self._record(name, "ConfigurationUpdate", f'Alarm "{name}" deleted', {})
        super().delete_alarms(alarm_names)

    def set_alarm_state(self, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        """Set the state of an alarm until CloudWatch evaluates it next; another state runs the actions."""
        alarm = self.alarms.get(alarm_name)
        before = alarm.state if isinstance(alarm, Alarm) else None
        super().set_alarm_state(alarm_name, reason, reason_data, state_value)
        if isinstance(alarm, Alarm) and before:
            self._note(alarm, before)
            self._start()

    def _start(self) -> None:
        """Let the thread look at the alarms now."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._live, name="alarms", daemon=True)
            self._thread.start()
        self._wake.set()

    def _live(self) -> None:
        while not self.clock.stopping.is_set():
            try:
                self._evaluate()
                while self._due:
                    self._tell(self._due.popleft())
            except Exception:
                if not self.clock.stopping.is_set():
                    log.exception("alarms were not evaluated")
            self._wake.wait(self._seconds_to_wait() if self.alarms else None)
            self._wake.clear()

    def _seconds_to_wait(self) -> float:
        return max((MINUTE - self.clock.passed() % MINUTE) / self.clock.speed, _SHORTEST)

    def _evaluate(self) -> None:
        """Evaluate every alarm for the AWS minutes that have ended since the last time."""
        since, now = self._evaluated, self.store.minute()
        if now <= since:
            return
        with TURNS["cloudwatch"]:
            watched = {name for alarm in self._all() for name in alarm.namespaces}
        for namespace in watched & set(MEASURED):
            for dimensions, values in _measured(namespace):
                for name, value in values.items():
                    self.store.fill(key_of(namespace, name, dimensions), since, now, value)
        with TURNS["cloudwatch"]:
            for alarm in self._all():
                for minute in alarm.interesting(self.store, since, now):
                    if found := alarm.evaluate(self.store, minute, self._real_time):
                        before = alarm.state
                        alarm.update_state(*found)
                        self._note(alarm, before)
        self._evaluated = now

    def _all(self) -> list[Alarm]:
        return [alarm for alarm in self.alarms.values() if isinstance(alarm, Alarm)]

    def _real_time(self, minute: int) -> datetime:
        ago = (self.clock.passed() - minute * MINUTE) / self.clock.speed
        return datetime.now(UTC) - timedelta(seconds=ago)

    def _note(self, alarm: Alarm, before: State) -> None:
        """Record another state than before, and let the thread tell of it."""
        after = alarm.state
        if after.value == before.value:
            return
        summary = f"Alarm updated from {before.value} to {after.value}"
        states = {"oldState": _recorded(before), "newState": _recorded(after)}
        self._record(alarm.name, "StateUpdate", summary, states)
        self._due.append(_Change(alarm, before, after))

    def _tell(self, change: _Change) -> None:
        """Publish another state, and run the actions for it."""
        alarm, before, after = change.alarm, change.before, change.after
        self.bus.publish(
            "aws.cloudwatch",
            "CloudWatch Alarm State Change",
            notification.event(alarm, before, after),
            [alarm.alarm_arn],
        )
        actions = {
            "ALARM": alarm.alarm_actions,
            "OK": alarm.ok_actions,
            "INSUFFICIENT_DATA": alarm.insufficient_data_actions,
        }[after.value]
        for topic in actions if alarm.actions_enabled else ():
            refused = self._send(topic, change)
            summary = f"Successfully executed action {topic}"
            if refused:
                summary = f'Failed to execute action {topic}. Received error: "{refused}"'
            data: dict[str, Any] = {
                "actionState": "Failed" if refused else "Succeeded",
                "notificationResource": topic,
            }
            data |= {"stateUpdateTimestamp": int(after.since.replace(tzinfo=UTC).timestamp() * 1000)}
            self._record(alarm.name, "Action", summary, data | ({"error": refused} if refused else {}))

    def _send(self, topic_arn: str, change: _Change) -> str:
        """Publish to a topic as CloudWatch does.

        Returns why the topic or its key refused it, in the words of public reports; "" if neither did.
        """
        alarm, after = change.alarm, change.after
        caller = service_caller(PRINCIPAL, alarm.alarm_arn)
        # The default policy of a topic, which has a condition on aws:SourceOwner, lets alarms publish.
        caller = replace(caller, context={**caller.context, "aws:SourceOwner": ACCOUNT_ID})
        text, subject = notification.message(alarm, change.before, after), notification.subject(alarm, after)
        try:
            sns().publish_for(caller, topic_arn, text, subject=subject, message_structure="json")
        except KeyAuthorizationError:
            return "CloudWatch Alarms does not have authorization to access the SNS topic encryption key."
        except SNSException as error:
            return str(error.message).replace(f"User: {PRINCIPAL}", "CloudWatch Alarms")
        return ""

    def _record(self, name: str, kind: str, summary: str, data: dict[str, Any]) -> None:
        text = json.dumps({"version": "1.0"} | data)
        self.history.append(HistoryItem(name, kind, summary, text, datetime.now(UTC)))


def _recorded(state: State) -> dict[str, Any]:
    shown: dict[str, Any] = {"stateValue": state.value, "stateReason": state.reason}
    return shown | ({"stateReasonData": json.loads(state.data)} if state.data else {})


def _measured(namespace: str) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
    yield from MEASURED[namespace][ACCOUNT_ID][REGION].measured()


def _figures(datum: MetricDatumBase) -> Figures:
    if isinstance(datum, MetricAggregatedDatum):
        return Figures(datum.sample_count, datum.sum, datum.min, datum.max)
    assert isinstance(datum, MetricDatum)
    return of_value(datum.value)


def backend() -> LocalCloudWatch:
    """Return the CloudWatch of the running local cloud."""
    return running(cloudwatch_backends, LocalCloudWatch)
