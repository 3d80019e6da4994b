"""What is said of a processor: equal where bits are, different where they are not."""

import sys

import pytest

from engine.processor import describe_platform, digest_c_library, digest_linear_algebra
from tests.processors import BASELINE, KINDS_OF_BLAS, WITHOUT_FMA, run_on

SAYS = "from engine.processor import *; print({}())"


def _say(function: str, environment: dict[str, str]) -> str:
    return run_on(environment, "-c", SAYS.format(function)).strip()


def test_the_platform_is_the_system_and_the_kind_of_processor():
    assert describe_platform().startswith(f"{sys.platform}-")
    assert _say("describe_platform", BASELINE) == describe_platform()


@pytest.mark.skipif(not WITHOUT_FMA, reason="The C library has no other version of its functions.")
def test_the_c_library_has_another_digest_without_fma():
    assert _say("digest_c_library", {}) == digest_c_library()
    assert _say("digest_c_library", BASELINE) == digest_c_library()
    assert _say("digest_c_library", WITHOUT_FMA) != digest_c_library()


def test_linear_algebra_has_another_digest_on_another_generation():
    found = {_say("digest_linear_algebra", one) for one in KINDS_OF_BLAS}
    assert len(found) == len(KINDS_OF_BLAS)
    assert _say("digest_linear_algebra", {}) == digest_linear_algebra()
