"""Correlation IDs of Python models: strings reach them, mismatched datatypes do not."""

from __future__ import annotations

from itertools import product

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.models import model

STRING_MODELS = [
    model("correlation_id", control="STRING", strategy=strategy)
    for strategy in ("direct", "oldest")
]
INTEGER_MODELS = [
    model("correlation_id", control=datatype, strategy="direct")
    for datatype in ("INT32", "UINT32", "INT64", "UINT64")
]
UINT64_MODEL = INTEGER_MODELS[-1]
#: Without a correlation-ID control a number is welcome on every server: the check's own control.
UNCONTROLLED = model("correlation_id", control="none", strategy="direct")

#: The models are configured in full: nothing is to be completed.
ARGUMENTS = ["--disable-auto-complete-config"]

#: Every server's limit is 128 bytes. Before 2.54 the length decides what goes wrong: up to 124
#: bytes are refused, 125 to 127 take the Python stub down, and 128 happen to fit.
LIMITS = (1, 5, 124, 125, 126, 127, 128)


def ascii_id(size: int) -> str:
    """An ID of so many bytes in which no two stretches are alike."""
    return "".join(f"{number:03}." for number in range(32))[:size]


UTF8_IDS = (
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "\N{LATIN SMALL LETTER E WITH ACUTE}" * 64,
    "\N{CJK UNIFIED IDEOGRAPH-65E5}" * 3,
    "\N{GRINNING FACE}" * 32,
)


@pytest.mark.claim("correlation-id-string")
@pytest.mark.server(models=[*STRING_MODELS, UINT64_MODEL, UNCONTROLLED], arguments=ARGUMENTS)
def test_string_correlation_id_reaches_the_model(server, send, tell, evidence):
    """A correlation ID sent as a string of 1 to 128 bytes reaches a Python model unchanged, in
    its request and in its control tensor.
    """
    with evidence.step("control: a number reaches a model without a correlation-ID control"):
        must_reach(send(UNCONTROLLED, 42))

    receptions = []
    with evidence.step("the lengths at which servers differ, and UTF-8"):
        receptions += sweep(send, server, [*map(ascii_id, LIMITS), *UTF8_IDS])
    if all(reception.intact for reception in receptions):
        with evidence.step("every length, at the start, in the middle and at the end"):
            every_id = [*map(ascii_id, range(1, 129)), *UTF8_IDS]
            receptions += sweep(send, server, every_id, whole_sequence=True)
    evidence.show("what became of each correlation ID", tell(receptions))

    lost = [reception for reception in receptions if not reception.intact]
    assert not lost, (
        f"{len(lost)} of {len(receptions)} string correlation IDs did not reach the model:\n"
        + tell(lost)
    )


def sweep(send, server, correlation_ids, **how):
    """Sends the IDs through both strategies; silence ends it, for it will not get better."""
    receptions = []
    for each in STRING_MODELS:
        with server.fresh([each]) as fresh:
            for correlation_id in correlation_ids:
                receptions.append(send(each, correlation_id, to=fresh, **how))
                if receptions[-1].unanswered:
                    return receptions
    return receptions


@pytest.mark.claim("correlation-id-dtype-string-to-integer")
@pytest.mark.server(models=[*INTEGER_MODELS, UNCONTROLLED], arguments=ARGUMENTS)
def test_string_id_to_an_integer_control_is_refused(server, send, tell, evidence):
    """A string correlation ID sent to a model whose control tensor is an integer is refused with an
    error that names both datatypes and the model, and the server stays healthy.
    """
    with evidence.step("control: numbers reach integer controls"):
        for each in INTEGER_MODELS:
            must_reach(send(each, 42))

    receptions = []
    with evidence.step("a short string"):
        for each in INTEGER_MODELS:
            receptions.append(send(each, "abc-1"))
            if receptions[-1].unanswered:
                break
    with (
        evidence.step("128 bytes, which overflow a buffer of servers before 2.54"),
        server.fresh(INTEGER_MODELS) as fresh,
    ):
        for each in INTEGER_MODELS:
            receptions.append(send(each, ascii_id(128), to=fresh))
            if not receptions[-1].refused_as_claimed:
                fresh.renew()  # what has overflowed may break later, and elsewhere
            if receptions[-1].unanswered:
                break
    evidence.show("what became of each string", tell(receptions))
    with evidence.step("observations, which decide nothing"):
        evidence.show("a string without a control", tell([send(UNCONTROLLED, "abc-1")]))
        evidence.show("2**40 for an INT32 control", tell([send(INTEGER_MODELS[0], 2**40)]))

    wrong = [reception for reception in receptions if not reception.refused_as_claimed]
    assert not wrong, (
        f"{len(wrong)} of {len(receptions)} string IDs for an integer control were not refused "
        "with an error that names both datatypes and the model:\n" + tell(wrong)
    )
    with evidence.step("the server is as healthy as before"):
        must_be_unharmed(send, server, tell, [(each, 43) for each in INTEGER_MODELS])


@pytest.mark.claim("correlation-id-dtype-integer-to-string")
@pytest.mark.server(models=[*STRING_MODELS, UINT64_MODEL, UNCONTROLLED], arguments=ARGUMENTS)
def test_integer_id_to_a_string_control_is_refused(server, send, tell, evidence):
    """A numeric correlation ID sent to a model whose control tensor is a string is refused with an
    error that names both datatypes and the model, and the server stays healthy.
    """
    with evidence.step("control: a number reaches an integer control, and a model without one"):
        must_reach(send(UINT64_MODEL, 42))
        must_reach(send(UNCONTROLLED, 42))

    receptions = []
    with evidence.step("small and large numbers, through both strategies"):
        for each, number in product(STRING_MODELS, (42, 2**31, 2**63 - 1)):
            receptions.append(send(each, number))
            if receptions[-1].unanswered:
                break
    evidence.show("what became of each number", tell(receptions))

    wrong = [reception for reception in receptions if not reception.refused_as_claimed]
    assert not wrong, (
        f"{len(wrong)} of {len(receptions)} numeric IDs for a string control were not refused "
        "with an error that names both datatypes and the model:\n" + tell(wrong)
    )
    with evidence.step("the server is as healthy as before"):
        cases = [(UINT64_MODEL, 43), *((each, "abc-1") for each in STRING_MODELS)]
        must_be_unharmed(send, server, tell, cases)


def must_be_unharmed(send, server, tell, cases):
    """What a server does after refusals is what one does that has refused nothing."""
    afterwards = [send(each, correlation_id) for each, correlation_id in cases]
    with server.fresh() as fresh:
        untouched = [send(each, correlation_id, to=fresh) for each, correlation_id in cases]
    if [each.outcome for each in afterwards] == [each.outcome for each in untouched]:
        return
    server.renew()  # it must not spoil the next check
    raise AssertionError(
        "after the refusals the server is not what it was:\n"
        + tell(afterwards)
        + "\nbut one that has refused nothing:\n"
        + tell(untouched)
    )


def must_reach(reception):
    """What is true of every server; where it is not, the check can tell nothing."""
    if not reception.intact:
        raise BrokenError(
            f"the check's control failed: {reception.sent!r}: {reception.outcome}\n{reception.log}"
        )
