"""What a power cut leaves of a SQLite file: what was synced, and nothing that was written since.

SQLite asks the operating system for everything through a table of functions, its VFS. A copy of the
usual one notes each sync, and keeps the file as it was then.
https://www.sqlite.org/vfs.html
"""

import _sqlite3
import ctypes
import os
import shutil
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_void_p
from pathlib import Path
from typing import Any

NAME = "power-cut"
PARTS = ("", "-wal")
"""The files of a database that last; SQLite makes the one with the suffix ``-shm`` anew."""

_in_use: list[Any] = []
"""SQLite calls these until the process ends."""

_MAIN_DB, _WAL = 0x100, 0x80000
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
"""The name as an address: SQLite keeps it for as long as the file is open."""
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(Structure):
    """``sqlite3_vfs``."""

    _fields_ = [
        *(("version", c_int), ("file_size", c_int), ("longest_path", c_int)),
        *(("next", c_void_p), ("name", c_char_p), ("data", c_void_p), ("open", c_void_p)),
        ("others", c_void_p * 15),
    ]


class _Methods(Structure):
    """``sqlite3_io_methods``."""

    _fields_ = [
        ("version", c_int),
        *((name, c_void_p) for name in ("close", "read", "write", "truncate", "sync")),
        ("others", c_void_p * 13),
    ]


class Disk:
    """Keeps in a folder what of each database is safe from a power cut."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[int, Path] = {}
        self._methods: dict[int, _Methods] = {}

    def install(self, *, for_all: bool) -> None:
        """Serve whoever asks for this VFS by its name in this process, or everybody."""
        # Where Python has brought a SQLite of its own, it is part of the program.
        library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        usual = library.sqlite3_vfs_find(None).contents
        vfs = _Vfs.from_buffer_copy(usual)
        vfs.name = NAME.encode()
        open_usually = _OPEN(usual.open)

        def open_file(_: int, name: int | None, file: int, flags: int, out: int | None) -> int:
            result: int = open_usually(ctypes.addressof(usual), name, file, flags, out)
            if result == 0 and name and flags & (_MAIN_DB | _WAL):
                self._watch(file, Path(os.fsdecode(ctypes.string_at(name))))
            return result

        vfs.open = _address(opening := _OPEN(open_file))
        _in_use.extend((vfs, opening))
        library.sqlite3_vfs_register(ctypes.byref(vfs), int(for_all))

    def _watch(self, file: int, path: Path) -> None:
        self._paths[file] = path
        methods = ctypes.cast(file, POINTER(c_void_p))
        usual = methods[0] or 0
        if usual not in self._methods:
            self._methods[usual] = self._noting(_Methods.from_address(usual))
        methods[0] = ctypes.addressof(self._methods[usual])

    def _noting(self, usual: _Methods) -> _Methods:
        noting = _Methods.from_buffer_copy(usual)
        sync_usually = _SYNC(usual.sync)

        def sync(file: int, flags: int) -> int:
            result: int = sync_usually(file, flags)
            if result == 0:
                self._keep(self._paths[file])
            return result

        noting.sync = _address(syncing := _SYNC(sync))
        _in_use.extend((noting, syncing))
        return noting

    def _keep(self, path: Path) -> None:
        self._folder.mkdir(exist_ok=True)
        new = self._folder / f"{path.name}.new"
        shutil.copyfile(path, new)
        new.replace(self._folder / path.name)  # whole, even if the process is killed

    def cut_power(self, file: Path) -> None:
        """Leave of a database, which no process has open, what was synced."""
        Path(f"{file}-shm").unlink(missing_ok=True)
        for part in PARTS:
            path = Path(f"{file}{part}")
            kept = self._folder / path.name
            path.unlink(missing_ok=True)
            if kept.exists():
                shutil.copyfile(kept, path)


def _address(function: Any) -> int | None:
    return ctypes.cast(function, c_void_p).value
