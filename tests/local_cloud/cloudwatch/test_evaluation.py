"""How an alarm follows from data points.

The tables are those of the CloudWatch User Guide's "Configuring how CloudWatch alarms treat missing data".
"""

from datetime import UTC, datetime, timedelta

import pytest
from moto.cloudwatch.exceptions import ValidationError

from local_cloud.clock import Clock
from local_cloud.cloudwatch.evaluation import Point, Threshold, judge, reason
from local_cloud.cloudwatch.metric_math import formula
from local_cloud.cloudwatch.store import Store, key_of, of_value

# Data points as the guide writes them, the newest on the right -> the state for each way to treat a missing
# one.
THREE_OF_THREE = {
    "0-X-X": "OK OK OK OK",
    "0----": "OK OK OK OK",
    "-----": "INSUFFICIENT_DATA keep ALARM OK",
    "0XX-X": "ALARM ALARM ALARM ALARM",
    "--X--": "ALARM keep ALARM OK",
    # Both from "Avoiding premature transitions to alarm state".
    "----X": "INSUFFICIENT_DATA keep ALARM OK",
    "---X-": "INSUFFICIENT_DATA keep ALARM OK",
}
TWO_OF_THREE = {
    "0-X-X": "ALARM ALARM ALARM ALARM",
    "00X0X": "ALARM ALARM ALARM ALARM",
    "0-X--": "OK OK ALARM OK",
    "----0": "OK OK ALARM OK",
    "---X-": "ALARM keep ALARM OK",
}
METRIC = key_of("Shop", "Orders", {})


@pytest.mark.parametrize(
    ("to_alarm", "points", "states"),
    [(3, *row) for row in THREE_OF_THREE.items()] + [(2, *row) for row in TWO_OF_THREE.items()],
)
def test_missing_data_count_as_the_alarm_says(to_alarm: int, points: str, states: str) -> None:
    breaches = [{"X": True, "0": False, "-": None}[point] for point in reversed(points)]
    found = [
        judge(breaches, 3, to_alarm, missing) or "keep"
        for missing in ("missing", "ignore", "breaching", "notBreaching")
    ]
    assert " ".join(found) == states


def points(*values: float | None) -> list[Point]:
    """Data points of whole minutes, the newest first."""
    newest = datetime(2025, 6, 15, 12, 2, tzinfo=UTC)
    return [Point(newest - timedelta(minutes=ago), value) for ago, value in enumerate(values)]


@pytest.mark.parametrize(
    ("state", "periods", "to_alarm", "m_of_n", "missing", "values", "words"),
    [
        # The texts of public mails, with other numbers.
        ("ALARM", 1, 1, False, "missing", (3.0,),
         "Threshold Crossed: 1 datapoint [3.0 (15/06/25 12:02:00)] was greater than the threshold (2.0)."),
        ("OK", 2, 2, False, "missing", (1.0, 0.0),
         "Threshold Crossed: 2 datapoints [1.0 (15/06/25 12:02:00), 0.0 (15/06/25 12:01:00)] were not "
         "greater than the threshold (2.0)."),
        ("ALARM", 3, 1, True, "missing", (1.0, 5.0, 1.0),
         "Threshold Crossed: 1 out of the last 3 datapoints [5.0 (15/06/25 12:01:00)] was greater than "
         "the threshold (2.0) (minimum 1 datapoint for OK -> ALARM transition)."),
        ("OK", 5, 3, True, "missing", (0.0, 0.0, 9.0, 0.0, 9.0),
         "Threshold Crossed: 3 out of the last 5 datapoints [0.0 (15/06/25 12:02:00), "
         "0.0 (15/06/25 12:01:00), 0.0 (15/06/25 11:59:00)] were not greater than the "
         "threshold (2.0) (minimum 3 datapoints for ALARM -> OK transition)."),
        ("OK", 1, 1, False, "notBreaching", (None,),
         "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
         "[NonBreaching]."),
        ("ALARM", 2, 2, False, "breaching", (None, 3.0),
         "Threshold Crossed: 1 datapoint [3.0 (15/06/25 12:01:00)] was greater than the threshold (2.0) and "
         "1 missing datapoint was treated as [Breaching]."),
        ("INSUFFICIENT_DATA", 2, 2, False, "missing", (None, None),
         "Insufficient Data: 2 datapoints were unknown."),
    ],
)  # fmt: skip
def test_the_reason_is_in_cloudwatchs_words(
    state: str,
    periods: int,
    to_alarm: int,
    m_of_n: bool,
    missing: str,
    values: tuple[float | None, ...],
    words: str,
) -> None:
    threshold = Threshold("GreaterThanThreshold", 2.0, periods, to_alarm, missing, m_of_n)
    assert reason(state, threshold, points(*values)) == words


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("100 * a / (20 * 10)", 5.0),
        ("FILL(a, 0) + FILL(none, 7) + 1", 18.0),
        ("MAX([a, b, none])", 30.0),
        ("-a + b - 1", 19.0),
        ("a + none", None),
        ("MIN([none])", None),
        ("a / (b - 30)", None),
    ],
)
def test_metric_math_is_computed(expression: str, value: float | None) -> None:
    assert formula(expression, {"a", "b", "none"})({"a": 10.0, "b": 30.0, "none": None}) == value


@pytest.mark.parametrize(
    "expression", ["ANOMALY_DETECTION_BAND(a)", "a ^ 2", "a > 1", "FILL(a, REPEAT)", "a +"]
)
def test_other_metric_math_is_refused(expression: str) -> None:
    with pytest.raises(NotImplementedError, match="the metric math expression"):
        formula(expression, {"a"})


def test_an_expression_refers_only_to_metrics_of_the_alarm() -> None:
    with pytest.raises(ValidationError):
        formula("a + b", {"a"})


def stored(speed: float = 60.0) -> Store:
    """A store whose minutes last a second, so that none passes during a test."""
    return Store(Clock(speed=speed))


def test_a_window_has_the_statistics_of_its_data_points() -> None:
    store = stored()
    store.fill(METRIC, 0, 3, 10.0)
    store.fill(METRIC, 3, 5, 20.0)
    newest, before, none = store.windows(METRIC, 6, 3, 3)
    assert newest
    assert [newest.statistic(name) for name in ("SampleCount", "Sum", "Average", "Minimum")] == [
        2,
        40,
        20,
        20,
    ]
    assert before
    assert [before.statistic(name) for name in ("SampleCount", "Sum", "Maximum")] == [3, 30, 10]
    assert none is None


def test_a_default_value_stands_only_in_a_minute_without_other_values() -> None:
    store = stored(speed=1.0)
    store.add(METRIC, of_value(7), default=True)
    store.add(METRIC, of_value(7), default=True)
    [found] = store.windows(METRIC, 1, 1, 1)
    assert found == of_value(7)
    store.add(METRIC, of_value(1))
    store.add(METRIC, of_value(7), default=True)
    assert store.windows(METRIC, 1, 1, 1) == [of_value(1)]
