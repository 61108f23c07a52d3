"""The settings of the synthesized template are in force."""

from typing import Any

import psycopg
import pytest

from product_template.instance_classes import SIZES
from product_template.releasing import released_versions
from tests.long.drills.product import PARAMETERS, Product
from tests.support.versions import NEWEST

SETTINGS = ("max_connections", "ssl_min_protocol_version", "log_connections")


def _wanted(product: Product) -> dict[str, Any]:
    line = int(product.suffix[-1])
    resources = released_versions.templates()[NEWEST[line]]["Resources"]
    parameters: dict[str, Any] = resources["DatabaseParameterGroup"]["Properties"]["Parameters"]
    return parameters


def test_clients_see_the_settings_of_the_template(product: Product) -> None:
    wanted = _wanted(product)
    assert {name: product.ask(f"SHOW {name}") for name in SETTINGS} == {
        "max_connections": str(SIZES[PARAMETERS["InstanceClass"]].max_connections),
        "ssl_min_protocol_version": wanted["ssl_min_protocol_version"],
        "log_connections": {"1": "on"}[wanted["log_connections"]],
    }


def test_clients_without_tls_are_refused_as_the_template_says(product: Product) -> None:
    assert _wanted(product)["rds.force_ssl"] == "1"
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba.conf entry for host .* no encryption"):
        product.connect(sslmode="disable")
