"""The account that an image runs as, in every form in which a user may be declared."""

from __future__ import annotations

import pytest
from tests.unit.build.embedded.environments_made import GROUP, PASSWD, scan, text

from mooring.build.embedded.plan.account import Account, account_entries, account_of
from mooring.errors import InputError


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ("65532:65532", Account(uid="65532", gid="65532")),
        ("1000", Account(uid="1000", gid="1000")),
        ("1000:0", Account(uid="1000", gid="0")),
        ("0", None),
        ("0:0", None),
        ("root", None),
        ("www-data:www-data", None),
    ],
)
def test_numbers_ask_for_an_account(user: str, account: Account | None) -> None:
    assert account_of(user) == account


def test_an_unknown_number_gets_its_lines_and_a_home() -> None:
    group, passwd, home = account_entries("65532:65532", scan())
    assert (passwd.path, group.path, home.path) == ("/etc/passwd", "/etc/group", "/home/mooring")
    assert text(passwd) == PASSWD + "mooring:x:65532:65532::/home/mooring:/sbin/nologin\n"
    assert text(group) == GROUP + "mooring:x:65532:\n"
    assert (home.kind, home.mode, home.uid, home.gid) == ("directory", 0o755, 65532, 65532)


def test_lines_that_the_base_has_are_left_alone() -> None:
    paths = [entry.path for entry in account_entries("33:33", scan())]
    assert paths == ["/home/mooring"]
    # The number of a group is no number of a user.
    paths = [entry.path for entry in account_entries("1000:33", scan())]
    assert paths == ["/etc/passwd", "/home/mooring"]


def test_a_home_that_the_base_has_is_left_alone() -> None:
    with_home = scan(links={"/home": "var/home"}, directories=["/var/home", "/var/home/mooring"])
    assert [e.path for e in account_entries("33:33", with_home)] == []


def test_a_last_line_without_end_is_not_joined() -> None:
    entries = account_entries("1000:1000", scan(passwd="root:x:0:0::/:/bin/sh", group=""))
    by_path = {entry.path: entry for entry in entries}
    assert text(by_path["/etc/passwd"]).splitlines() == [
        "root:x:0:0::/:/bin/sh",
        "mooring:x:1000:1000::/home/mooring:/sbin/nologin",
    ]
    assert text(by_path["/etc/group"]) == "mooring:x:1000:\n"


@pytest.mark.parametrize("user", ["0", "0:0", "root", "root:root", "www-data", "www-data:33"])
def test_root_and_names_of_the_base_add_nothing(user: str) -> None:
    assert account_entries(user, scan()) == ()


@pytest.mark.parametrize(("user", "name"), [("nobody", "nobody"), ("1000:staff", "staff")])
def test_names_that_the_base_lacks_are_refused(user: str, name: str) -> None:
    with pytest.raises(InputError, match=f"no .* '{name}'") as caught:
        account_entries(user, scan())
    assert "www-data" in (caught.value.hint or "")


def test_odd_bytes_of_the_base_stay_as_they_are() -> None:
    odd = b"root:x:0:0:J\xf6rg:/root:/bin/sh\n"
    entries = account_entries("65532", scan(passwd=odd.decode("utf-8", "surrogateescape")))
    [passwd] = [entry for entry in entries if entry.path == "/etc/passwd"]
    assert passwd.open is not None
    with passwd.open() as stream:
        data = stream.read()
    assert data.startswith(odd)
    assert passwd.size == len(data)
