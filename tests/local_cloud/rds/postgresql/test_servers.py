"""The servers end with the process that made them, however it ends."""

import subprocess
import sys
from pathlib import Path

from tests.support.account import eventually
from tests.support.processes import runs

_KILLED = """
import time
from local_cloud.rds.postgresql.servers import Servers
servers = Servers()
server = servers.new("17", "db", 5432)
server.create()
server.configure({}, servers.authority.issue("db"), master="dbadmin", force_ssl=True)
server.start()
print(servers.folder, server.pid, flush=True)
time.sleep(600)
"""


def test_a_cloud_that_is_killed_leaves_no_server_and_no_file() -> None:
    cloud = subprocess.Popen([sys.executable, "-c", _KILLED], stdout=subprocess.PIPE, text=True)
    assert cloud.stdout
    folder, pid = cloud.stdout.readline().split()
    assert Path(folder).exists()
    cloud.kill()
    cloud.wait()
    cloud.stdout.close()
    assert eventually(lambda: not Path(folder).exists())
    assert eventually(lambda: not runs(int(pid)))
