"""RDS's API over HTTP, with operations that moto lacks."""

from __future__ import annotations

from moto.core.responses import ActionResult, PaginatedResult
from moto.rds.responses import RDSResponse

from . import offers, parameters
from .exceptions import Refused
from .models import LocalRDS


class LocalRDSResponse(RDSResponse):
    """Answers what moto answers otherwise, or not at all."""

    @property
    def backend(self) -> LocalRDS:
        """The RDS of the caller's account and region."""
        found = super().backend
        assert isinstance(found, LocalRDS)
        return found

    def describe_db_engine_versions(self) -> ActionResult:
        """Answer with RDS's versions of PostgreSQL."""
        return ActionResult(offers.engine_versions(self.params))

    def describe_orderable_db_instance_options(self) -> ActionResult:
        """Answer with the instance classes, storage types and zones of the versions."""
        return ActionResult(offers.orderable_options(self.params))

    def describe_db_parameters(self) -> ActionResult:
        """Answer with a parameter group's parameters."""
        return ActionResult(self.backend.db_parameters(self.params))

    def describe_engine_default_parameters(self) -> ActionResult:
        """Answer with the parameters of a parameter group family."""
        return ActionResult(parameters.engine_defaults(self.params))

    def reset_db_parameter_group(self) -> ActionResult:
        """Reset parameters of a group, or all."""
        name, changes = self.params["DBParameterGroupName"], self.params.get("Parameters", [])
        # botocore: "By default, all parameters in the DB parameter group are reset".
        everything = self.params.get("ResetAllParameters", not changes)
        self.backend.reset_db_parameter_group(
            name, [change.original_dict() for change in changes], everything=everything
        )
        return ActionResult({"DBParameterGroupName": name})

    def delete_db_snapshot(self) -> ActionResult:
        """Delete a manual snapshot, if it is available."""
        snapshot = self.backend.database_snapshots.get(self.params["DBSnapshotIdentifier"])
        if snapshot is not None and snapshot.snapshot_type == "automated":
            raise Refused("InvalidDBSnapshotState", "Automated snapshots go with their instance only.")
        if snapshot is not None and snapshot.status != "available":
            raise Refused(
                "InvalidDBSnapshotState",
                f"Cannot delete the snapshot {snapshot.db_snapshot_identifier} because it is not currently "
                "in the available state.",
            )
        answer = super().delete_db_snapshot()
        if snapshot is not None:
            self.backend.record(snapshot, "RDS-EVENT-0041")
        return answer

    def reboot_db_instance(self) -> ActionResult:
        """Reboot an instance, with a failover if the request asks for it."""
        return ActionResult({"DBInstance": self.backend.reboot_db_instance(**self.params)})

    def describe_export_tasks(self) -> ActionResult:
        """Answer with one export task, or with all."""
        if others := set(self.params) - {"export_task_identifier"}:
            raise NotImplementedError(f"describing export tasks by {', '.join(sorted(others))}")
        return super().describe_export_tasks()

    def describe_db_log_files(self) -> ActionResult:
        """Answer with the log files of an instance."""
        return PaginatedResult({"DescribeDBLogFiles": self.backend.describe_db_log_files(**self.params)})

    def download_db_log_file_portion(self) -> ActionResult:
        """Answer with lines of a log file."""
        return ActionResult(self.backend.download_db_log_file_portion(**self.params))

    def modify_event_subscription(self) -> ActionResult:
        """Change a subscription, except its sources."""
        subscription = self.backend.modify_event_subscription(**self.params)
        return ActionResult({"EventSubscription": subscription})

    def add_source_identifier_to_subscription(self) -> ActionResult:
        """Add a source to a subscription."""
        subscription = self.backend.add_source_identifier_to_subscription(**self.params)
        return ActionResult({"EventSubscription": subscription})

    def remove_source_identifier_from_subscription(self) -> ActionResult:
        """Remove a source from a subscription."""
        subscription = self.backend.remove_source_identifier_from_subscription(**self.params)
        return ActionResult({"EventSubscription": subscription})
