"""All servers of a cloud: the folder of their data, and the authority that signs their certificates."""

from __future__ import annotations

import subprocess
import tempfile
import uuid
from pathlib import Path

from . import packages
from .certificates import Authority
from .server import Account, Server, free_address

# It waits until the cloud ends, however that happens: then nothing of a server may be left. A server deletes
# its postmaster.pid when it ends, and kills children that take more than five seconds (PostgreSQL's manual,
# "Shutting Down the Server").
_KEEPER = """\
cat > /dev/null
for file in "$0"/*/data/postmaster.pid; do
  read -r pid < "$file" && kill -QUIT "$pid" || continue
  left=100
  while [ -e "$file" ] && [ $((left -= 1)) -gt 0 ]; do sleep 0.1; done
  [ ! -e "$file" ] || kill -KILL -- "-$pid"
done 2> /dev/null
rm -rf "$0"
"""


class Servers:
    """The servers, and the temporary folder with everything of theirs. Both end with the cloud.

    Attributes:
        folder: the folder. Each server and each backup has one of its own in it.
        account: the system's user that servers run as.
        authority: signs their certificates.
        bundle: the file with the authority's certificate, which clients verify servers with.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="local-cloud-"))
        # Servers run as another user than root, but look only into their own folders.
        self.folder.chmod(0o711)
        self.account = Account.unprivileged()
        self.authority = Authority()
        self.bundle = self.folder / "global-bundle.pem"
        self.bundle.write_text(self.authority.bundle)
        self._servers: list[Server] = []
        self._keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, str(self.folder)], stdin=subprocess.PIPE, start_new_session=True
        )

    def new(self, major: str, name: str, port: int) -> Server:
        """Return a server of a major version, without a data folder yet.

        Args:
            major: the major version.
            name: the name of its folder.
            port: the port that it listens on, on an address of its own.

        Raises:
            NoServerError: this machine has none of this version, or another program has the port.
        """
        programs = packages.server(major)
        try:
            address = free_address(port)
        except OSError as error:
            raise packages.NoServerError(
                f"Port {port} is free on no loopback address: another program listens on all addresses "
                "(0.0.0.0 or ::), or this system has only 127.0.0.1. End that program, or let it listen on "
                "127.0.0.1 alone if this is Linux, and create the instance again."
            ) from error
        server = Server(programs, self.folder / name, address, port, self.account)
        self._servers.append(server)
        return server

    def successor(self, old: Server, major: str) -> Server:
        """Return a server of another major version on the address of an old one, without a data folder yet.

        Raises:
            NoServerError: this machine has none of this version.
        """
        folder = old.folder.with_name(f"{old.folder.name}-{major}")
        server = Server(packages.server(major), folder, old.address, old.port, self.account)
        self._servers.append(server)
        return server

    def new_snapshot(self) -> Path:
        """Return the path of a new folder, for a copy of data that outlives its server."""
        return self.folder / f"snapshot-{uuid.uuid4()}"

    def end(self) -> None:
        """Stop every server at once and delete the folder."""
        for server in self._servers:
            server.crash()
        assert self._keeper.stdin
        self._keeper.stdin.close()
        self._keeper.wait()
