"""Processes of this machine."""

import subprocess


def runs(pid: int) -> bool:
    """Say whether a process runs. An orphan that has ended can stay in the table: nobody may wait for it."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")
