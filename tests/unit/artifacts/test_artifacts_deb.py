"""Reading Debian packages: every compression, and every package that is refused."""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from pathlib import Path

import pytest
from tests.debs import (
    COMPRESSIONS,
    File,
    ar,
    deb,
    filled_store,
    folder,
    hardlink,
    locked,
    symlink,
    tar,
)

from mooring.artifacts.deb import open_deb
from mooring.artifacts.deb_tar import DebRefused, Member, TarMembers
from mooring.oci.blob_store import BlobError

FILES = [
    folder("./"),
    folder("./usr/", 0o755),
    File("./usr/bin/x", b"#!/bin/sh\n", 0o755),
    File("usr/y", b"y" * 300_000, uid=0, gid=42),
    hardlink("./usr/z", "./usr/y"),
    symlink("./usr/l", "../x"),
    File("./" + "d" * 99 + "/" + "e" * 99, b"long"),
]


def read(data: bytes, *, size: int | None = None) -> list[tuple[Member, bytes]]:
    stream = io.BytesIO(data)
    with open_deb(stream, Path("none"), where="x.deb", size=size or len(data)) as package:
        found = [(member, package.members.read()) for member in package.members]
    assert stream.read() == b"", "the package is read to its end, for its digest"
    return found


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_members_of_every_compression(compression: str) -> None:
    found = {m.path: (m, content) for m, content in read(deb("x", FILES, compression=compression))}
    assert list(found) == [
        "/",
        "/usr",
        "/usr/bin/x",
        "/usr/y",
        "/usr/z",
        "/usr/l",
        "/" + "d" * 99 + "/" + "e" * 99,
    ]
    assert found["/usr/bin/x"][0].mode == 0o755
    assert found["/usr/y"] == (
        Member(path="/usr/y", kind="file", mode=0o644, uid=0, gid=42, size=300_000),
        b"y" * 300_000,
    )
    assert (found["/usr/z"][0].kind, found["/usr/z"][0].target) == ("hardlink", "/usr/y")
    assert (found["/usr/l"][0].kind, found["/usr/l"][0].target) == ("symlink", "../x")


def test_content_that_nobody_reads_is_passed_over() -> None:
    data = deb("x", FILES)
    with open_deb(io.BytesIO(data), Path("none"), where="x.deb", size=len(data)) as package:
        assert [member.path for member in package.members][-1].startswith("/ddd")


def test_what_a_package_says_of_itself() -> None:
    data = deb(
        "x",
        fields={"Replaces": "y (<< 2)"},
        scripts={
            "conffiles": "/etc/a\nremove-on-upgrade /etc/b\n/etc/c\n",
            "postinst": "#!/bin/sh\nexit 1\n",
            "unknown": "left out",
        },
    )
    with open_deb(io.BytesIO(data), Path("none"), where="x.deb", size=len(data)) as package:
        assert package.fields["Package"] == "x"
        assert package.fields["Replaces"] == "y (<< 2)"
        assert package.fields["Description"] == "x of a test\n It does nothing."
        assert package.conffiles == ("/etc/a", "/etc/c")
        assert package.postinst.startswith("#!/bin/sh")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (File("../x"), "leads out"),
        (File("./usr/../../x"), "leads out"),
        (File("/etc/passwd"), "is absolute"),
        (hardlink("./x", "../../etc/shadow"), "leads out"),
        (hardlink("./x", "/etc/shadow"), "is absolute"),
        (File("./dev/sda", kind=tarfile.BLKTYPE), "is a device"),
        (File("./dev/null", kind=tarfile.CHRTYPE), "is a device"),
        (File("./run/pipe", kind=tarfile.FIFOTYPE), "is a named pipe"),
        (File("./x", kind=tarfile.GNUTYPE_SPARSE), "is a sparse file"),
        (File("./x", kind=b"Z"), "of no known type"),
        (File("./usr/.wh.perl"), "whiteout"),
        (File("./.wh..wh..opq"), "whiteout"),
        (File("./a\nb"), "not printable"),
        (File("./a\x1b[31mb"), "not printable"),
        (symlink("./x", "a\nb"), "not printable"),
        (symlink("./x", ""), "empty"),
        (File("./x", uid=100_000), "belongs to the user 100000"),
        (File("./x", gid=2_000_000), "belongs to the user"),
        (File("./" + "x/" * 3000 + "y"), "too long"),
    ],
    ids=repr,
)
def test_a_hostile_member_is_refused(file: File, reason: str) -> None:
    with pytest.raises(DebRefused, match=reason) as caught:
        read(deb("x", [File("./good"), file]))
    assert caught.value.where == "x.deb"
    assert caught.value.exit_code == 3
    assert "\n" not in caught.value.message
    assert "\x1b" not in caught.value.message


def test_names_that_are_no_utf_8_are_refused() -> None:
    info = tarfile.TarInfo("./n\udcffme")
    data = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + bytes(1024)
    with pytest.raises(DebRefused, match="not UTF-8"):
        list(TarMembers(io.BytesIO(data), "x.deb", most=1 << 20))


def test_extended_headers_of_posix_are_refused_as_dpkg_does() -> None:
    files = tar([File("./" + "x" * 300)], tarfile.PAX_FORMAT)
    data = ar([("debian-binary", b"2.0\n"), ("control.tar", tar([])), ("data.tar", files)])
    with pytest.raises(DebRefused, match="does not say what it is"):
        read(data)
    with pytest.raises(DebRefused, match="an extended header"):
        list(TarMembers(io.BytesIO(files), "x.deb", most=1 << 20))


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    header = tarfile.TarInfo("./bomb")
    header.size = 1 << 40
    plain = header.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)
    members = TarMembers(io.BytesIO(plain), "x.deb", most=1 << 20)
    with pytest.raises(DebRefused, match="unpacks to more than 1 MiB"):
        list(members)


def test_many_small_files_count_as_well() -> None:
    plain = tar([File(f"./{number}", b"x" * 5000) for number in range(300)])
    with pytest.raises(DebRefused, match="unpacks to more than 1 MiB"):
        list(TarMembers(io.BytesIO(plain), "x.deb", most=1 << 20))


def test_xz_that_wants_gigabytes_of_memory_is_refused() -> None:
    # The size of the dictionary stands in the header, whatever is behind it; written here by hand,
    # as a compressor with such a dictionary would need ten times as much itself.
    small = bytearray(lzma.compress(tar([File("./x")]), preset=0))
    block = small[12:]
    length = (block[0] + 1) * 4
    assert block[2:4] == b"\x21\x01", "the filter LZMA2 with one byte of properties"
    block[4] = 36  # 1 GiB
    block[length - 4 : length] = zlib.crc32(block[: length - 4]).to_bytes(4, "little")
    data = ar([("debian-binary", b"2.0\n"), ("control.tar.xz", bytes(small[:12] + block))])
    with pytest.raises(DebRefused, match=r"cannot be unpacked: .*[Mm]emory"):
        read(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no Debian package"),
        (b"PK\x03\x04", "no Debian package"),
        (b"!<arch>\n", "breaks off"),
        (ar([("debian-binary", b"3.0\n")]), "unknown format"),
        (ar([("control.tar", b"")]), "debian-binary was expected"),
        (ar([("debian-binary", b"2.0\n"), ("data.tar", b"")]), "control.tar was expected"),
        (ar([("debian-binary", b"2.0\n"), ("control.tar.Z", b"x")]), "in no known way"),
        (ar([("debian-binary", b"2.0\n"), ("control.tar.gz", b"nonsense")]), "cannot be unpacked"),
        (ar([("debian-binary", b"2.0\n"), ("control.tar.xz", b"nonsense")]), "cannot be unpacked"),
        (ar([("debian-binary", b"2.0\n"), ("control.tar", b"x" * 512)]), "its tar is damaged"),
    ],
)
def test_what_is_no_package_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(DebRefused, match=reason):
        read(data)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_a_package_that_breaks_off_is_refused(compression: str, kept: float) -> None:
    files = [File("./x", bytes(range(256)) * 40)]
    data = deb("x", files, compression=compression)
    with pytest.raises(DebRefused):
        read(data[: int(len(data) * kept)])


def test_members_for_others_are_passed_over() -> None:
    control = tar([File("./control", b"Package: x\nVersion: 1\nArchitecture: all\n")])
    data = ar(
        [
            ("debian-binary", b"2.0\n"),
            ("_gpgorigin", b"x"),
            ("control.tar", control),
            ("data.tar", tar([File("./x", b"y")])),
            ("extra", b"zzz"),
        ]
    )
    assert [content for _, content in read(data)] == [b"y"]


def test_a_package_in_the_store_that_was_changed_is_refused(tmp_path: Path) -> None:
    data = deb("x", FILES, compression="")
    package = locked(data, "x")
    store = filled_store(tmp_path, data)
    changed = data.replace(b"#!/bin/sh\n", b"#!/bin/rm\n")
    (tmp_path / "sha256" / package.sha256).write_bytes(changed)
    with pytest.raises(BlobError, match="was changed"), store.open(package) as opened:
        list(opened.members)
    with pytest.raises(BlobError, match="not in the cache"), store.open(package):
        pass
