"""Service Quotas' API over HTTP, with two operations that moto lacks, and lists in pages."""

from __future__ import annotations

import json
from typing import Any

from moto.servicequotas.responses import ServiceQuotasResponse

from .models import LocalServiceQuotas, backend

_PAGE = 100


class LocalServiceQuotasResponse(ServiceQuotasResponse):
    """Answers with applied and with default values of quotas."""

    @property
    def backend(self) -> LocalServiceQuotas:
        """The quotas of the account."""
        return backend()

    def list_service_quotas(self) -> str:
        """ListServiceQuotas."""
        return self._page(self.backend.list_service_quotas(self._get_param("ServiceCode")))

    def list_aws_default_service_quotas(self) -> str:
        """ListAWSDefaultServiceQuotas."""
        return self._page(self.backend.list_aws_default_service_quotas(self._get_param("ServiceCode")))

    def get_aws_default_service_quota(self) -> str:
        """GetAWSDefaultServiceQuota."""
        service, code = self._get_param("ServiceCode"), self._get_param("QuotaCode")
        return json.dumps({"Quota": self.backend.get_aws_default_service_quota(service, code)})

    def _page(self, quotas: list[dict[str, Any]]) -> str:
        start, size = int(self._get_param("NextToken", 0)), self._get_param("MaxResults", _PAGE)
        page: dict[str, Any] = {"Quotas": quotas[start : start + size]}
        if start + size < len(quotas):
            page["NextToken"] = str(start + size)
        return json.dumps(page)
