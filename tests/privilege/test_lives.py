"""What roles ask for in whole lives, judged by an IAM simulator."""

from tests.privilege.life import Lives
from tests.privilege.simulator import judge


def test_the_simulator_allows_whatever_a_role_asked_for(lived: Lives) -> None:
    verdicts = judge(lived.policies, lived.requests)
    assert {one: verdict for one, verdict in verdicts.items() if not verdict.allowed} == {}
