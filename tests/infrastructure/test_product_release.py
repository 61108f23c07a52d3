"""A release is refused when it could not be taken back, and nobody can edit one that was made."""

import copy
import json
import re
import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from product_template import differences, release, released
from product_template.lines import LINES, Line
from product_template.release import ReleaseRefusedError
from product_template.released import Template, Version

ROOT = Path(__file__).parents[2]
ALL = released.templates()
NEWEST = {number: released.newest(number, ALL) for number in LINES}
# In the order of their releases: 2.0.0 came before 1.3.0, which nobody updates to it.
RELEASES = [Version.parse(name.removesuffix(released.SUFFIX)) for name in released.digests()]
UPDATES = [(before, after) for before, after in combinations(RELEASES, 2) if before < after]


FIRST, SECOND = Version(1, 2, 0), Version(2, 0, 0)
CHANGELOG = "# Changelog\n\nVersions never change.\n\n## 2.0.0\n\n- PostgreSQL 17.\n"


class Shelf(NamedTuple):
    """Copies of the versions up to 1.2.0 and 2.0.0, and a changelog."""

    directory: Path
    changelog: Path

    def release(self, version: str, template: Template) -> Path:
        return release.release(Version.parse(version), template, self.directory, self.changelog)

    def content(self) -> dict[str, bytes]:
        files = [*self.directory.iterdir(), self.changelog]
        return {file.name: file.read_bytes() for file in files}

    def refusal(self, version: str, template: Template) -> str:
        """The reasons for which a release is refused; nothing was written."""
        before = self.content()
        with pytest.raises(ReleaseRefusedError) as refused:
            self.release(version, template)
        assert self.content() == before
        return str(refused.value)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "versions", tmp_path / "CHANGELOG.md")
    shelf.directory.mkdir()
    for version in (Version(1, 0, 0), Version(1, 1, 0), FIRST, SECOND):
        released.add(version, (released.DIRECTORY / f"{version}.template.json").read_bytes(), shelf.directory)
    shelf.changelog.write_text(CHANGELOG)
    return shelf


def changed(template: Template, change: Callable[[dict[str, Any]], object]) -> Template:
    """A template with its resources changed."""
    different = copy.deepcopy(template)
    change(different["Resources"])
    return different


@pytest.fixture(scope="module", params=LINES.values(), ids=lambda line: f"PostgreSQL {line.postgresql}")
def line(request: pytest.FixtureRequest) -> Line:
    return request.param  # type: ignore[no-any-return]


class TestWhatWasReleased:
    def test_d2_is_what_was_released(self) -> None:
        assert released.changed_since_release() == [], "A released version never changes: restore it from git"

    def test_d2_is_what_tapstack_synthesizes_to(self, line: Line) -> None:
        assert release.synthesize(line) == ALL[NEWEST[line.number]], (
            f"TapStack synthesizes to something that {NEWEST[line.number]} does not hold: "
            f"make release VERSION={line.number}.…"
        )

    @pytest.mark.parametrize(
        ("before", "after"), UPDATES, ids=[f"{before}-to-{after}" for before, after in UPDATES]
    )
    def test_an_update_to_it_replaces_nothing_and_needs_no_new_input(
        self, before: Version, after: Version
    ) -> None:
        meant = release.REPLACED_BY_MAJOR if before.major != after.major else ()
        assert list(differences.obstacles(ALL[before], ALL[after], meant)) == []

    @pytest.mark.parametrize(("before", "after"), [("1.2.0", "1.3.0"), ("2.0.0", "2.1.0")])
    def test_an_update_that_is_said_to_do_nothing_to_the_database_leaves_it_its_network_and_its_key_alone(
        self, before: str, after: str
    ) -> None:
        """As docs/upgrading.md and the changelog say it."""
        old, new = (
            {
                name: resource
                for name, resource in ALL[Version.parse(version)]["Resources"].items()
                if resource["Type"].startswith(("AWS::RDS::", "AWS::EC2::", "AWS::KMS::", "AWS::S3::"))
            }
            for version in (before, after)
        )
        assert "DatabaseInstance" in old
        assert new == old

    def test_has_an_entry_that_somebody_wrote_and_a_row_in_the_table_of_versions(self) -> None:
        changelog = (ROOT / "CHANGELOG.md").read_text()
        assert set(re.findall(r"^## (.+)$", changelog, flags=re.MULTILINE)) == set(map(str, ALL))
        assert release.TO_BE_WRITTEN not in changelog
        rows = re.findall(
            r"^\| (\d+\.\d+\.\d+) \|", (ROOT / "docs" / "upgrading.md").read_text(), re.MULTILINE
        )
        assert rows == list(map(str, ALL))

    def test_a_line_differs_from_the_one_before_it_in_its_database_alone(self) -> None:
        assert list(differences.summary(ALL[NEWEST[1]], ALL[NEWEST[2]])) == [
            "parameters added: AllowMajorVersionUpgrade",
            "resources changed: DatabaseParameterGroup (DBParameterGroupName, Family), "
            "DatabaseInstance (EngineVersion, AllowMajorVersionUpgrade)",
        ]

    @pytest.mark.parametrize("edit", ["edited", "deleted", "slipped in"])
    def test_an_edit_is_noticed(self, shelf: Shelf, edit: str) -> None:
        file = shelf.directory / "1.1.0.template.json"
        match edit:
            case "edited":
                file.write_text(file.read_text().replace("db.r6g.xlarge", "db.r6g.large"))
            case "deleted":
                file.unlink()
            case _:
                file = Path(shutil.copy(file, shelf.directory / "1.1.1.template.json"))
        assert released.changed_since_release(shelf.directory) == [file.name]
        assert f"{file.name} is not what was released" in shelf.refusal("1.3.0", ALL[FIRST])


class TestRelease:
    def test_writes_the_file_its_sum_and_the_beginning_of_its_entry(self, shelf: Shelf) -> None:
        before = shelf.content()
        template = changed(
            ALL[FIRST], lambda all_: all_["DatabaseInstance"]["Properties"].update(MonitoringInterval=30)
        )
        path = shelf.release("1.2.1", template)
        assert json.loads(path.read_text()) == template
        assert released.changed_since_release(shelf.directory) == []
        after = shelf.content()
        assert after.pop("1.2.1.template.json")
        assert after.pop("SHA256SUMS").startswith(before.pop("SHA256SUMS"))
        assert after.pop("CHANGELOG.md").decode() == CHANGELOG.replace(
            "## 2.0.0",
            f"## 1.2.1\n\n{release.TO_BE_WRITTEN}\n\nCompared with 1.2.0:\n\n"
            "- resources changed: DatabaseInstance (MonitoringInterval)\n\n## 2.0.0",
        )
        del before["CHANGELOG.md"]
        assert after == before

    @pytest.mark.parametrize(
        ("version", "reason"),
        [
            ("1.1.0", "1.1.0 exists, and versions never change."),
            ("1.1.1", "1.1.1 is out of turn: after 1.2.0 comes 1.2.1 or 1.3.0."),
            ("1.2.2", "1.2.2 is out of turn: after 1.2.0 comes 1.2.1 or 1.3.0."),
            ("1.4.0", "1.4.0 is out of turn: after 1.2.0 comes 1.2.1 or 1.3.0."),
            ("1.3.1", "1.3.1 is out of turn: after 1.2.0 comes 1.2.1 or 1.3.0."),
        ],
    )
    def test_goes_forward_one_step_at_a_time(self, shelf: Shelf, version: str, reason: str) -> None:
        assert reason in shelf.refusal(version, ALL[FIRST])

    def test_of_what_is_there_already_is_refused(self, shelf: Shelf) -> None:
        assert "There is nothing to release: 1.2.0 holds" in shelf.refusal("1.2.1", ALL[FIRST])

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (
                lambda all_: all_["DatabaseInstance"]["Properties"].update(DBInstanceIdentifier="renamed"),
                "Updating from 1.0.0, 1.1.0, 1.2.0: "
                "DatabaseInstance (AWS::RDS::DBInstance) would be replaced because of DBInstanceIdentifier.",
            ),
            (
                lambda all_: all_.pop("BackupsBucket"),
                "BackupsBucket (AWS::S3::Bucket) would be removed, and data with it.",
            ),
            (
                lambda all_: all_.pop("BackupsEmptyOnDelete"),
                "BackupsEmptyOnDelete (Custom::EmptyBucketOnDelete) would be removed, and data with it.",
            ),
            (
                lambda all_: all_["EncryptionKey"].update(Type="AWS::KMS::ReplicaKey"),
                "EncryptionKey would become AWS::KMS::ReplicaKey, and a resource can't change its type "
                "(AWS::KMS::Key).",
            ),
        ],
    )
    def test_that_would_lose_data_is_refused(
        self, shelf: Shelf, change: Callable[[dict[str, Any]], object], reason: str
    ) -> None:
        assert reason in shelf.refusal("1.3.0", changed(ALL[FIRST], change))

    def test_what_refers_to_a_replaced_resource_is_replaced_with_it(self) -> None:
        """Its own text stays the same."""
        before = ALL[FIRST]
        renamed = changed(
            before, lambda all_: all_["NetworkVpc"]["Properties"].update(CidrBlock="10.1.0.0/16")
        )
        assert "NetworkDatabaseSecurityGroup" in differences.replaced(before, renamed)

    def test_that_asks_for_more_or_gives_less_is_refused_with_all_reasons_at_once(self, shelf: Shelf) -> None:
        template = copy.deepcopy(ALL[FIRST])
        template["Parameters"]["CostCenter"] = {"Type": "String"}
        del template["Parameters"]["BackupRetentionDays"]
        del template["Outputs"]["VpcId"]
        template["Metadata"]["padding"] = "x" * release.MAX_BYTES
        reasons = shelf.refusal("1.9.0", template)
        for reason in (
            "1.9.0 is out of turn",
            "Parameter CostCenter would be added without a default",
            "Parameter BackupRetentionDays would be dropped",
            "Output VpcId would be dropped",
            f"and CloudFormation takes {release.MAX_BYTES}.",
        ):
            assert reason in reasons

    def test_of_a_later_line_may_replace_the_parameter_group_and_nothing_else(self, shelf: Shelf) -> None:
        def rename(all_: dict[str, Any]) -> None:
            all_["DatabaseSubnetGroup"]["Properties"]["DBSubnetGroupName"] = "renamed"

        reasons = shelf.refusal("2.1.0", changed(ALL[SECOND], rename))
        assert "Updating from 1.0.0, 1.1.0, 1.2.0, 2.0.0: DatabaseSubnetGroup" in reasons
        assert "DatabaseParameterGroup" not in reasons

    @pytest.mark.parametrize("version", ["1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "../1.0.0", ""])
    def test_of_what_has_not_three_numbers_is_refused(self, version: str) -> None:
        with pytest.raises(SystemExit, match=r"A version has the form 1\.2\.3, but this one is"):
            release.main([version])

    def test_of_an_unknown_line_says_which_there_are(self) -> None:
        with pytest.raises(SystemExit, match=r"no line 3\. .* are 1 \(PostgreSQL 14\), 2 \(PostgreSQL 17\)"):
            release.main(["3.0.0"])


def test_the_schemas_say_what_cannot_be_changed() -> None:
    assert "DBInstanceIdentifier" in differences.create_only("AWS::RDS::DBInstance")
    assert {"Description", "DBParameterGroupName"} <= set(
        differences.create_only("AWS::RDS::DBParameterGroup")
    )
    assert "BucketName" in differences.create_only("AWS::S3::Bucket")
