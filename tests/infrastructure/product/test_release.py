"""A release is refused if nobody could update to it, and a released version never changes."""

import copy
import json
import re
import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from product_template.release_line import RELEASE_LINES, ReleaseLine
from product_template.releasing import differences, release, released_versions
from product_template.releasing.release import ReleaseRefusedError
from product_template.releasing.released_versions import JsonTemplate
from product_template.releasing.version import Version
from tests.support import versions

ROOT = Path(__file__).parents[3]
UPDATES = [(before, after) for before, after in combinations(versions.ALL, 2) if before < after]
# The templates of the versions on the shelf: 1.0.0, 1.1.0, 1.2.0 and 2.0.0.
EARLIEST, EARLIER, FIRST = (
    versions.ALL[one] for one in (versions.OLDEST, versions.EARLIER, versions.NEWEST[1])
)
SECOND = versions.ALL[versions.NEWEST[2]]
CHANGELOG = "# Changelog\n\nVersions never change.\n\n## 2.0.0\n\n- PostgreSQL 17.\n"


class Shelf(NamedTuple):
    """Versions 1.0.0, 1.1.0, 1.2.0 and 2.0.0, and a changelog."""

    directory: Path
    changelog: Path

    def release(self, version: str, template: JsonTemplate) -> Path:
        return release.release(Version.parse(version), template, self.directory, self.changelog)

    def keep_no_version(self) -> None:
        for file in self.directory.iterdir():
            file.unlink()
        (self.directory / released_versions.SUMS).touch()

    def content(self) -> dict[str, bytes]:
        files = [*self.directory.iterdir(), self.changelog]
        return {file.name: file.read_bytes() for file in files}

    def refusal(self, version: str, template: JsonTemplate) -> str:
        """The reasons of a refused release, which wrote nothing."""
        before = self.content()
        with pytest.raises(ReleaseRefusedError) as refused:
            self.release(version, template)
        assert self.content() == before
        return str(refused.value)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "versions", tmp_path / "CHANGELOG.md")
    shelf.directory.mkdir()
    for number, template in {"1.0.0": EARLIEST, "1.1.0": EARLIER, "1.2.0": FIRST, "2.0.0": SECOND}.items():
        released_versions.add(Version.parse(number), json.dumps(template).encode(), shelf.directory)
    shelf.changelog.write_text(CHANGELOG)
    return shelf


def changed(template: JsonTemplate, change: Callable[[dict[str, Any]], object]) -> JsonTemplate:
    """A template with its resources changed."""
    different = copy.deepcopy(template)
    change(different["Resources"])
    return different


def with_monitoring(template: JsonTemplate) -> JsonTemplate:
    return changed(
        template, lambda all_: all_["DatabaseInstance"]["Properties"].update(MonitoringInterval=30)
    )


@pytest.fixture(
    scope="module", params=RELEASE_LINES.values(), ids=lambda line: f"PostgreSQL {line.postgresql}"
)
def line(request: pytest.FixtureRequest) -> ReleaseLine:
    return request.param  # type: ignore[no-any-return]


class TestWhatWasReleased:
    def test_d2_is_what_was_released(self) -> None:
        assert released_versions.changed_since_release() == [], (
            "A released version never changes: restore it from git"
        )

    def test_d2_is_what_tapstack_synthesizes_to(self, line: ReleaseLine) -> None:
        newest = versions.NEWEST[line.number]
        assert release.synthesize(line) == versions.ALL[newest], (
            f"TapStack synthesizes to something that {newest} does not hold: "
            f"make release VERSION={line.number}.…"
        )

    @pytest.mark.parametrize(
        ("before", "after"), UPDATES, ids=[f"{before}-to-{after}" for before, after in UPDATES]
    )
    def test_an_update_to_it_replaces_nothing_and_needs_no_new_input(
        self, before: Version, after: Version
    ) -> None:
        meant = release.REPLACED_BY_MAJOR if before.major != after.major else ()
        assert list(differences.obstacles(versions.ALL[before], versions.ALL[after], meant)) == []

    def test_has_an_entry_that_somebody_wrote_and_a_row_in_the_table_of_versions(self) -> None:
        changelog, there = (ROOT / "CHANGELOG.md").read_text(), set(map(str, versions.RELEASES))
        withdrawn = {f"{version} (withdrawn)" for version in release.withdrawn(changelog)}
        assert set(re.findall(r"^## (.+)$", changelog, flags=re.MULTILINE)) == there | withdrawn
        assert release.TO_BE_WRITTEN not in changelog
        rows = re.findall(
            r"^\| (\d+\.\d+\.\d+) \|", (ROOT / "docs" / "use" / "upgrading.md").read_text(), re.MULTILINE
        )
        assert rows == list(map(str, sorted(versions.RELEASES)))

    def test_a_line_differs_from_the_one_before_it_in_its_database_alone(self) -> None:
        assert list(differences.summary(FIRST, SECOND)) == [
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
        assert released_versions.changed_since_release(shelf.directory) == [file.name]
        assert f"{file.name} differs from what was released" in shelf.refusal("1.3.0", FIRST)


class TestRelease:
    def test_writes_the_file_its_sum_and_the_beginning_of_its_entry(self, shelf: Shelf) -> None:
        before = shelf.content()
        template = with_monitoring(FIRST)
        path = shelf.release("1.2.1", template)
        assert json.loads(path.read_text()) == template
        assert released_versions.changed_since_release(shelf.directory) == []
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
        assert reason in shelf.refusal(version, FIRST)

    @pytest.mark.parametrize(
        ("version", "reason"),
        [
            ("1.3.0", "1.3.0 was withdrawn, and a number is never used again."),
            ("1.2.1", "1.2.1 is out of turn: after 1.3.0 comes 1.3.1 or 1.4.0."),
        ],
    )
    def test_never_takes_the_number_of_a_withdrawn_version(
        self, shelf: Shelf, version: str, reason: str
    ) -> None:
        shelf.changelog.write_text(f"{CHANGELOG}\n## 1.3.0 (withdrawn)\n\n- It was.\n")
        assert reason in shelf.refusal(version, with_monitoring(FIRST))

    def test_goes_on_after_a_line_whose_versions_are_all_withdrawn(self, shelf: Shelf) -> None:
        shelf.keep_no_version()
        shelf.changelog.write_text("# Changelog\n\n## 1.3.0 (withdrawn)\n\n- It was.\n")
        assert "after 1.3.0 comes 1.3.1 or 1.4.0." in shelf.refusal("1.0.0", FIRST)
        shelf.release("1.4.0", FIRST)
        assert shelf.changelog.read_text().startswith(
            f"# Changelog\n\n## 1.4.0\n\n{release.TO_BE_WRITTEN}\n\n## 1.3.0 (withdrawn)"
        )

    def test_leaves_an_entry_that_is_there_as_it_is(self, shelf: Shelf) -> None:
        """This happens when a release was taken back before anybody had it and is made again."""
        written = CHANGELOG.replace("## 2.0.0", "## 1.3.0\n\n- Monitoring twice a minute.\n\n## 2.0.0")
        shelf.changelog.write_text(written)
        shelf.release("1.3.0", with_monitoring(FIRST))
        assert shelf.changelog.read_text() == written

    def test_of_what_is_there_already_is_refused(self, shelf: Shelf) -> None:
        assert "There is nothing to release: 1.2.0 holds" in shelf.refusal("1.2.1", FIRST)

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
        assert reason in shelf.refusal("1.3.0", changed(FIRST, change))

    def test_what_refers_to_a_replaced_resource_is_replaced_with_it(self) -> None:
        """Its own text stays the same."""
        before = FIRST
        renamed = changed(
            before, lambda all_: all_["NetworkVpc"]["Properties"].update(CidrBlock="10.1.0.0/16")
        )
        assert "NetworkDatabaseSecurityGroup" in differences.replaced(before, renamed)

    def test_that_asks_for_more_or_gives_less_is_refused_with_all_reasons_at_once(self, shelf: Shelf) -> None:
        template = copy.deepcopy(FIRST)
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
            f"and CloudFormation takes {release.MAX_BYTES} at most.",
        ):
            assert reason in reasons

    def test_of_a_later_line_may_replace_the_parameter_group_and_nothing_else(self, shelf: Shelf) -> None:
        def rename(all_: dict[str, Any]) -> None:
            all_["DatabaseSubnetGroup"]["Properties"]["DBSubnetGroupName"] = "renamed"

        reasons = shelf.refusal("2.1.0", changed(SECOND, rename))
        assert "Updating from 1.0.0, 1.1.0, 1.2.0, 2.0.0: DatabaseSubnetGroup" in reasons
        assert "DatabaseParameterGroup" not in reasons

    @pytest.mark.parametrize("version", ["1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "../1.0.0", ""])
    def test_of_what_has_not_three_numbers_is_refused(self, version: str) -> None:
        with pytest.raises(SystemExit, match=r"A version has the form 1\.2\.3, but this one is"):
            release.main([version])

    def test_of_an_unknown_line_says_which_there_are(self) -> None:
        with pytest.raises(
            SystemExit, match=r"no release line 3\. .* has 1 \(PostgreSQL 14\), 2 \(PostgreSQL 17\)"
        ):
            release.main(["3.0.0"])


def test_the_schemas_say_what_cannot_be_changed() -> None:
    assert "DBInstanceIdentifier" in differences.create_only("AWS::RDS::DBInstance")
    assert {"Description", "DBParameterGroupName"} <= set(
        differences.create_only("AWS::RDS::DBParameterGroup")
    )
    assert "BucketName" in differences.create_only("AWS::S3::Bucket")
