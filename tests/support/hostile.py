"""Input from an attacker, or from broken software."""

import json
from typing import Any

from hypothesis import strategies as st

# Any character there is, lone surrogates and controls among them: JSON can carry each.
text = st.text(alphabet=st.characters(codec=None), max_size=60)
names = st.sampled_from(
    [
        "../../etc/passwd",
        "$(reboot)",
        "'; DROP TABLE records; --",
        "a\nb",
        "a\x00b",
        "\u202egnp.exe",
        "{{resolve:secretsmanager:master}}",
        "${AWS::AccountId}",
        "{% $states.context.Execution.Input.token %}",
        "%s%n",
        "arn:aws:iam::123456789012:role/x",
        "x" * 5000,
        "",
        " ",
        "-",
        "０１２",  # noqa: RUF001 - digits, and not those of ASCII
    ]
)
numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([10**5000, -0.0, 1e308]).filter(lambda number: number < 1e309)
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text, names)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text | names, inner, max_size=4),
    max_leaves=12,
)


def deep(opening: str, closing: str, levels: int) -> str:
    """Return JSON of so many levels."""
    return opening * levels + "1" + closing * levels


# JSON that no parser of ours may choke on.
odd_json = st.sampled_from(
    [
        deep("[", "]", 20_000),
        deep('{"Resources":', "}", 20_000),
        "1" * 5000,
        '{"a":' + "9" * 5000 + "}",
        "NaN",
        '{"a": Infinity}',
        '"\\ud800"',
        "\ufeff{}",
        "{" + '"a":1,' * 5 + '"a":2}',
        "&a [*a, *a]",
        "a: &a [x]\nb: [*a, *a, *a]\nResources: {}",
        "!!python/object/apply:os.system ['reboot']",
        "",
        " ",
        "null",
    ]
)
bodies = odd_json | text | values.map(json.dumps)


def altered(original: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return documents like the original with some of its fields gone, some replaced and some more."""
    fields = st.dictionaries(st.sampled_from(list(original)), values, max_size=3)
    gone = st.sets(st.sampled_from(list(original)), max_size=2)
    more = st.dictionaries(text | names, values, max_size=2)
    return st.builds(
        lambda changed, left_out, extra: {
            **extra,
            **{key: value for key, value in original.items() if key not in left_out},
            **changed,
        },
        fields,
        gone,
        more,
    )
