"""Addresses of servers that somebody else runs, as users write them."""

from __future__ import annotations

import pytest

from triton_claims.errors import InputError
from triton_claims.servers.remote_address import parse_remote_address
from triton_claims.servers.targets import parse_target


@pytest.mark.parametrize(
    ("text", "http", "grpc", "metrics", "written"),
    [
        ("http://h:8000", "h:8000", "h:8001", None, "http://h:8000"),
        ("http://h", "h:8000", "h:8001", None, "http://h:8000"),
        ("http://h:80/", "h:80", "h:8001", None, "http://h:80"),
        ("http://[::1]:9", "[::1]:9", "[::1]:8001", None, "http://[::1]:9"),
        ("http://h#grpc=g:1", "h:8000", "g:1", None, "http://h:8000#grpc=g:1"),
        (
            "http://h#metrics=http://h:3/metrics",
            "h:8000",
            "h:8001",
            "h:3",
            "http://h:8000#metrics=http://h:3",
        ),
        ("https://h", "h:8000", "h:8001", None, "https://h:8000#grpc=grpcs://h:8001"),
    ],
)
def test_addresses_are_read(text, http, grpc, metrics, written):
    address = parse_remote_address(text)
    assert (address.http, address.grpc, address.metrics) == (http, grpc, metrics)
    assert str(address) == written
    assert parse_remote_address(written) == address


def test_facts_are_declared(releases):
    target = parse_target("url:http://h:8000#os=windows,platform=jetson", releases)
    assert (target.remote.os, target.remote.platform) == ("windows", "jetson")
    assert str(target) == "url:http://h:8000#os=windows,platform=jetson"
    assert target.is_server
    assert not target.in_container


def test_tls_is_chosen_for_each_service():
    assert parse_remote_address("https://h#grpc=g:1").grpc_tls is False
    assert parse_remote_address("http://h#grpc=grpcs://g:1").grpc_tls is True
    assert not parse_remote_address("http://h").guarded


def test_a_password_is_kept_and_told_nobody(releases):
    target = parse_target("url:https://me:p%40ssword@h:8000#os=linux", releases)
    assert target.remote.user == ("me", "p@ssword")
    for told in (str(target), repr(target), target.value, repr(target.remote)):
        assert "p@ss" not in told
        assert "p%40ss" not in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("h:8000", "is no address: expected http://HOST:PORT or https://HOST:PORT"),
        ("ftp://h", "is no address"),
        ("http://", "is no address"),
        ("http://h:port", "Port could not be cast"),
        ("http://h:99999", "out of range"),
        ("http://[::1", "Invalid IPv6"),
        ("http://h/v2", "has a path"),
        ("http://h?os=windows", "has a path"),
        ("http://a b", "names no host"),
        ("http://h#windows", "'windows' in 'http://h#windows' is no fact of a server"),
        ("http://h#os=", "is no fact"),
        ("http://h#os=linux,os=linux", "once at most"),
        ("http://h#os=macos", "os='macos' is unknown: expected linux or windows"),
        ("http://h#platform=pi", "platform='pi' is unknown: expected jetson"),
        ("http://h#grpc=http://h:1", "is no address: expected grpc://HOST:PORT or grpcs"),
        ("http://h#metrics=https://h:1", "is no address"),
        ("http://me:geheim1@h/v2", "has a path"),
        ("ftp://me:geheim1@h", "is no address"),
        ("http://me:geheim1@h:port", "Port"),
        ("http://me:geheim1'x@h", "percent-encoded"),
        ("http://me:geheim1 x@h", "percent-encoded"),
        ("http://me:geheim1#x@h", "percent-encoded"),
        ("http://me:geheim1/x@h", "percent-encoded"),
        ("http://me:geheim1?x@h", "percent-encoded"),
        ("http://me:geheim1@x@h", "percent-encoded"),
        ("http://h#grpc=me:geheim1@h:1", "percent-encoded"),
        ("me:geheim1@h", "percent-encoded"),
        ("http://a..b", "names no host"),
        (f"http://{'a' * 64}", "names no host"),
        ("http://h:0", "port 0"),
        ("http://me:geheim1@h#os", "is no fact"),
    ],
)
def test_what_is_no_address_is_one_clear_line(text, words):
    with pytest.raises(InputError) as refusal:
        parse_remote_address(text)
    told = str(refusal.value)
    assert words in told
    assert "geheim1" not in told
    assert told.startswith("--target: ")
    assert "such as url:http://host:8000#os=windows" in told
    assert "\n" not in told
    assert "geheim1" not in told
