from __future__ import annotations

import pytest

from mooring.build.build_errors import explain


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("#5 1.2 invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
        ("#5 1.2 SSLError(SSLCertVerificationError('CERTIFICATE_VERIFY_FAILED'))", "SSL_CERT_FILE"),
        ("#5 x509: certificate signed by unknown authority", "certs.d"),
        ("#5 9.1 write /var/lib/x: no space left on device", "disk is full"),
        ("#5 0.3 error: No interpreter found for Python 3.13 in virtual environments", "`python`"),
        ("#5 mooring: the lock is for Python 3.13; the base image has no python3.13", "`python`"),
        ("#5 /bin/sh: 1: python3.13: not found", "`python`"),
        ("#5 0.9 ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "other bytes"),
        ("#5 0.9 error: Hash mismatch for `x==1`", "other bytes"),
        ("failed to solve: pull access denied, repository does not exist", "base image"),
        ("#2 ERROR: failed to do request: Head: dial tcp: no such host", "base image"),
        ("#5 0.1 exec /bin/sh: exec format error", "platform"),
        ("#5 3.0 dns error: failed to lookup address information", "network"),
        ("#5 3.0 Temporary failure in name resolution", "network"),
    ],
)
def test_known_causes_have_a_remedy(line: str, hint: str) -> None:
    error = explain(1, ["#1 something before", line, "executor failed running"])
    assert error.exit_code == 3
    assert hint in (error.hint or "")


def test_an_unknown_cause_has_no_made_up_remedy() -> None:
    assert explain(1, ["#5 1.0 the app's own error"]).hint is None


def test_the_last_lines_are_shown_without_the_progress() -> None:
    lines = [f"#5 0.{number} line {number}" for number in range(30)]
    error = explain(17, ["#4 DONE 0.1s", *lines, "", "#5 sha256:abc", "#6 CACHED"])
    shown = error.message.splitlines()
    assert shown[0] == "the image build failed (exit code 17)"
    assert shown[1:] == [f"  line {number}" for number in range(10, 30)]
