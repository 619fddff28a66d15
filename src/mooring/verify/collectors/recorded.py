"""The files of a distribution as they were found, kept as its RECORD and what differs from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, overload

from mooring.verify.collectors.record import Record, Row
from mooring.verify.inventory import FileKind, SeenFile


class Look(NamedTuple):
    """What was found at one path; a tuple, because an environment has tens of thousands.

    Attributes:
        size: Bytes.
        actual: `<algorithm>:<hex>` when it was hashed.
        problem: Why it could not be.
        links: See `SeenFile`.
        shared: See `SeenFile`.
    """

    kind: FileKind
    size: int | None = None
    actual: str | None = None
    problem: str | None = None
    links: int | None = None
    shared: str | None = None


MISSING = Look("missing")
UNEXAMINED = Look("unexamined")


class RecordedFiles(Sequence[SeenFile]):
    """Every file of a RECORD; each is made when it is asked for.

    Nearly all files of nearly all environments are as RECORD says: only the others are kept.

    Args:
        record: The RECORD.
        odd: What was found for the rows that differ in anything, by their number.
        hashed: Whether contents were read.
        told: Whether one of the odd rows is more than a file that has no digest by its nature.
        compared: How many files were compared by content, and their bytes.
        looked: Whether any file was looked at.
    """

    __slots__ = ("_hashed", "_odd", "_told", "compared", "looked", "record")

    def __init__(
        self,
        record: Record,
        odd: Mapping[int, Look],
        *,
        hashed: bool,
        told: bool = True,
        compared: tuple[int, int] = (0, 0),
        looked: bool = True,
    ) -> None:
        self.record = record
        self.compared = compared
        self._odd = odd
        self._hashed = hashed
        self._told = told
        self.looked = looked

    def __iter__(self) -> Iterator[SeenFile]:
        """Make every file."""
        return (self._file(number, row) for number, row in enumerate(self.record))

    def __len__(self) -> int:
        """Return the number of rows."""
        return sum(1 for _ in self.record)

    def __bool__(self) -> bool:
        """Whether RECORD was read and holds something."""
        return bool(self.record)

    @overload
    def __getitem__(self, index: int) -> SeenFile: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[SeenFile, ...]: ...

    def __getitem__(self, index: int | slice) -> SeenFile | tuple[SeenFile, ...]:
        """Return a file by its number; all are made for it."""
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        """Compare with any sequence of files."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        """Return the hash of the tuple it stands for."""
        return hash(tuple(self))

    def odd(self) -> Iterator[tuple[int, SeenFile]]:
        """Yield, with their numbers, the files that something is to be said of.

        Left out are those with the recorded digest, or size where nothing was read, and rows
        without a digest that have none by their nature.
        """
        if self._told:
            for number, row in enumerate(self.record):
                if number in self._odd:
                    yield number, self._file(number, row)

    def changed(self, looks: Mapping[int, Look]) -> RecordedFiles:
        """Return the files with other looks at some of them."""
        return RecordedFiles(
            self.record,
            {**self._odd, **looks},
            hashed=self._hashed,
            told=True,
            compared=self.compared,
            looked=self.looked,
        )

    def _file(self, number: int, row: Row) -> SeenFile:
        look = self._odd.get(number) if self.looked else UNEXAMINED
        if look is None:
            actual = row.recorded if self._hashed and is_compared(row) else None
            look = Look("file", row.size, actual)
        return SeenFile(
            path=row.path,
            kind=look.kind,
            recorded=row.recorded,
            recorded_size=row.size,
            actual=look.actual,
            size=look.size,
            problem=row.problem or look.problem,
            links=look.links,
            shared=look.shared,
        )


def is_compared(row: Row) -> bool:
    """Whether a row's digest must be that of the file.

    Python rewrites what is in `__pycache__`, and installers keep the old digest of such a file.
    """
    return row.recorded is not None and "__pycache__" not in row.path


class Found:
    """Gathers the looks at the files of one distribution.

    Args:
        record: Its RECORD.
        hashed: Whether contents are read.
    """

    __slots__ = ("_hashed", "_odd", "_told", "files", "record", "size")

    def __init__(self, record: Record, *, hashed: bool) -> None:
        self.record = record
        self.files = 0
        self.size = 0
        self._hashed = hashed
        self._odd: dict[int, Look] = {}
        self._told = False

    def add_sound(self, files: int, size: int) -> None:
        """Count files that were hashed and are as recorded."""
        self.files += files
        self.size += size

    def add(self, number: int, row: Row, look: Look) -> None:
        """Add what was found for a row; it is kept only where RECORD does not say the same."""
        compared = self._hashed and is_compared(row)
        if look.actual is not None:
            self.add_sound(1, look.size or 0)
        if look == ("file", row.size, row.recorded if compared else None, None, None, None) and (
            row.recorded is not None and row.problem is None and row.size is not None
        ):
            return
        self._odd[number] = look
        if row.recorded is not None or look.kind != "file" or not _is_bare(row.path):
            self._told = True

    def done(self) -> RecordedFiles:
        """Return the files."""
        return RecordedFiles(
            self.record,
            self._odd,
            hashed=self._hashed,
            told=self._told,
            compared=(self.files, self.size),
        )


def _is_bare(path: str) -> bool:
    """Whether installers write no digest for a file: byte code, and RECORD itself."""
    return path.endswith((".pyc", "/RECORD"))
