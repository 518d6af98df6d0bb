"""Folder of exported files: a manifest of what was written, a lock, atomic writes.

Only files that the manifest names are replaced or removed; a file is written as a temporary one
and then renamed, so an interrupted export leaves a tree that can be served. Before anything is
written, the manifest names all that will be.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from icalbridge.errors import ExportError
from icalbridge.web.responses import gzip_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

MANIFEST = ".icalbridge-export.json"
LOCK = ".icalbridge-export.lock"


class FileRecord(msgspec.Struct, frozen=True):
    """An exported file: its content, and until when it is what would be written now."""

    size: int = -1
    digest: str = ""
    stamp: str = ""
    """What it was made of; another one means that it may have changed."""
    until: float | None = None
    """When time alone changes it, in seconds since 1970."""


class Manifest(msgspec.Struct):
    """Everything that an export wrote."""

    files: dict[str, FileRecord] = {}
    headers: dict[str, dict[str, str]] = {}
    """Headers by pattern of addresses, as in `_headers`."""


class ExportTree:
    """One folder during one export; see `opened_tree`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.headers = manifest.headers
        self._folder = folder
        self._before = manifest.files
        self._files: dict[str, FileRecord] = {}
        self.written = 0
        self.unchanged = 0
        self.removed = 0

    def is_current(self, name: str, stamp: str, now: datetime) -> bool:
        """Say whether a file is there and need not be rendered; it is kept then."""
        record = self._before.get(name)
        if record is None or not stamp or record.stamp != stamp:
            return False
        if record.until is not None and now.timestamp() >= record.until:
            return False
        if not self._is_there(name, record.size):
            return False
        self._keep(name, record)
        return True

    def plan(self, names: Iterable[str]) -> None:
        """Claim the files that will be written. Raises `ExportError` for one that is another's."""
        names = list(names)
        for name in names:
            if name not in self._before and (self._folder / name).exists():
                raise ExportError(
                    f"{self._folder / name} is in the way: no export wrote it; move it elsewhere."
                )
        self._store({**{name: FileRecord() for name in names}, **self._before})

    def put(
        self,
        name: str,
        body: bytes,
        *,
        stamp: str = "",
        until: float | None = None,
        modified: datetime | None = None,
    ) -> None:
        """Write a file and its compressed copy, unless they have these bytes already."""
        record = FileRecord(len(body), blake2b(body, digest_size=16).hexdigest(), stamp, until)
        before = self._before.get(name, FileRecord())
        if before.digest == record.digest and self._is_there(name, record.size):
            self._keep(name, record)
            return
        self._write(name, body, modified)
        self._write(f"{name}.gz", gzip_bytes(body), modified)
        self._files[name] = record
        self.written += 1

    def finish(self) -> None:
        """Remove what is no longer exported, and record what is."""
        for name in self._before.keys() - self._files.keys():
            self.removed += (self._folder / name).exists()
            for path in (self._folder / name, self._folder / f"{name}.gz"):
                path.unlink(missing_ok=True)
            self._remove_empty(name)
        self._store(self._files)

    def interrupt(self) -> None:
        """Record what was written so far; everything else stays as it was."""
        self._store({**self._before, **self._files})

    def _keep(self, name: str, record: FileRecord) -> None:
        self._files[name] = record
        self.unchanged += 1

    def _is_there(self, name: str, size: int) -> bool:
        path = self._folder / name
        try:
            return path.stat().st_size == size and os.path.lexists(f"{path}.gz")
        except OSError:
            return False

    def _write(self, name: str, body: bytes, modified: datetime | None = None) -> None:
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.parent / f".{blake2b(path.name.encode(), digest_size=8).hexdigest()}~"
            temporary.write_bytes(body)
            if modified is not None:
                os.utime(temporary, (modified.timestamp(), modified.timestamp()))
            temporary.replace(path)
        except OSError as error:
            raise ExportError(f"{path} cannot be written: {error.strerror}.") from None

    def _store(self, files: dict[str, FileRecord]) -> None:
        manifest = Manifest(files, self.headers)
        encoded = msgspec.json.encode(manifest, order="sorted")
        path = self._folder / MANIFEST
        if not path.exists() or path.read_bytes() != encoded:
            self._write(MANIFEST, encoded)

    def _remove_empty(self, name: str) -> None:
        for parent in (self._folder / name).parents:
            if parent == self._folder:
                return
            try:
                parent.rmdir()
            except OSError:
                return


@contextmanager
def opened_tree(folder: Path) -> Iterator[ExportTree]:
    """Open a folder for one export. Raises `ExportError` where that cannot be: another export is
    running, or the folder is not empty and none made it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(folder)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise ExportError(f"{folder} cannot be used: {error.strerror}.") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ExportError(f"Another export into {folder} is running.") from None
        tree = ExportTree(folder, _read_manifest(folder))
        try:
            yield tree
        except BaseException:
            tree.interrupt()
            raise
        tree.finish()


def _refuse_foreign(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    if names - {LOCK} and MANIFEST not in names:
        raise ExportError(
            f"{folder} is not empty, and no export made it; name an empty or a new folder."
        )


def _read_manifest(folder: Path) -> Manifest:
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except msgspec.MsgspecError:
        raise ExportError(
            f"{folder / MANIFEST} cannot be read; empty the folder, and export again."
        ) from None
