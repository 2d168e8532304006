"""Zarr folders on file systems that have no hard links."""

from __future__ import annotations

from zarr.core.buffer import Buffer
from zarr.storage import LocalStore


class LinklessStore(LocalStore):
    """Zarr's folder, without the hard links that it makes where a file must not exist yet: some file systems have none.

    Only for folders that one process writes: a lock, or a name of their own, sees to that.
    """

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write what is not there."""
        if not await self.exists(key):
            await self.set(key, value)
