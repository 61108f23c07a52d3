import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_lambdas_run_with_the_locked_versions() -> None:
    uv = str(Path(sys.executable).parent / "uv")
    command = [uv, "export", "--frozen", "--offline", "--quiet", "--no-header", "--no-hashes"]
    command += ["--no-dev", "--no-emit-project"]
    exported = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    written = (ROOT / "lambdas" / "requirements.txt").read_text()
    assert [line for line in written.splitlines() if not line.startswith("#")] == exported.splitlines(), (
        "Run: uv export --frozen --no-dev --no-emit-project --no-hashes -o lambdas/requirements.txt"
    )
