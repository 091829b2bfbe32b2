"""Claims that are asked of every release, in a run and its reports."""

from __future__ import annotations

import pytest

CHECKS = """
    import pytest


    @pytest.mark.claim("no-slower-single")
    def test_standing(server):
        pass


    @pytest.mark.claim("server-version")
    def test_noted(server):
        pass
"""


@pytest.mark.parametrize("release", ["25.01", "24.10"])
def test_a_standing_claim_is_checked_against_every_release(project, release):
    project.check(CHECKS)
    result = project.run("suites", "--target", project.stage("server"), "--release", release)
    assert result.ret == 0
    assert project.verdicts()["no-slower-single"] == "confirmed"


def test_allure_tells_it_apart_from_what_the_notes_say(project):
    project.check(CHECKS)
    project.run("suites", "--target", project.stage("server"))
    features = {
        claim: next(each["value"] for each in result["labels"] if each["name"] == "feature")
        for claim, result in project.allure().items()
    }
    assert features["no-slower-single"] == "asked of every release"
    assert features["server-version"] == "title"


def test_one_without_a_check_is_listed(project):
    project.run("suites", "--target", project.stage("server"))
    assert "latency-ceilings" in {each.claim for each in project.ledger().unchecked}
