"""A run on a server that somebody else runs, which is spoken to by TLS alone."""

from __future__ import annotations

import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from contextlib import closing, suppress

import pytest

from triton_claims.servers.pool import ServerSpecification
from triton_claims.servers.remote import EXPLICIT
from triton_claims.verdicts.verdict import Verdict

pytestmark = pytest.mark.xdist_group("suites-remote-target")

#: By claim and protocol, what comes of them on a server of 2.51.0. They ask it by the clients of
#: both protocols, by HTTP of their own and by their own gRPC.
EXPECTED = {
    ("python-bls-parameters", "grpc"): "confirmed",
    ("python-bls-parameters", "http"): "confirmed",
    ("http-generate", None): "confirmed",
    ("http-status-of-unknown-model", None): "confirmed",
    ("http-restricted-api", None): "blocked",
    ("trace-mode-told", None): "confirmed",
    ("server-version", None): "blocked",
}
CLAIMS = sorted({claim for claim, _ in EXPECTED})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl here")
    folder = tmp_path_factory.mktemp("certificate")
    names = [folder / "certificate.pem", folder / "key.pem"]
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-out", str(names[0]), "-keyout", str(names[1])),
        ],
        check=True,
        capture_output=True,
    )
    return names


@pytest.fixture(scope="module")
def theirs(embedded_pool, certificate):
    """A server of somebody else's that loads models on demand, whose gRPC takes TLS alone."""
    chain, key = certificate
    return embedded_pool.start(
        ServerSpecification(
            "theirs",
            arguments=(
                EXPLICIT,
                "--grpc-use-ssl=true",
                f"--grpc-server-cert={chain}",
                f"--grpc-server-key={key}",
            ),
        )
    )


def _pass_on(source, target):
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


class Front(socketserver.ThreadingTCPServer):
    """Passes what comes by TLS on to a port that speaks none: Triton's own HTTP service."""

    daemon_threads = True

    def __init__(self, port, context):
        super().__init__(("127.0.0.1", 0), None)
        self._port = port
        self._context = context

    def finish_request(self, request, _client):
        with suppress(ssl.SSLError):  # who does not trust the certificate goes
            client = self._context.wrap_socket(request, server_side=True)
            with closing(client), socket.create_connection(("127.0.0.1", self._port)) as server:
                back = threading.Thread(target=_pass_on, args=(server, client))
                back.start()
                _pass_on(client, server)
                back.join()


@pytest.fixture(scope="module")
def front(theirs, certificate):
    """Where its HTTP service is reached by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with Front(int(theirs.http.rpartition(":")[2]), context) as front:
        serving = threading.Thread(target=front.serve_forever)
        serving.start()
        yield f"127.0.0.1:{front.server_address[1]}"
        front.shutdown()
        serving.join()


@pytest.fixture
def target(front, theirs):
    return f"url:https://{front}#os=linux,grpc=grpcs://{theirs.grpc}"


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "workers"])
def test_claims_are_decided_over_tls(run_altered, target, certificate, monkeypatch, workers):
    trusted, _ = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(trusted))
    run = run_altered(*CLAIMS, targets=[target], options=workers)
    told = {(cell.claim, cell.protocol): cell.verdict.value for cell in run.ledger.cells}
    assert told == EXPECTED, [cell.reason for cell in run.ledger.cells]


def test_a_certificate_that_nobody_vouches_for_blocks(run_altered, target):
    run = run_altered("correlation-id-dtype-*", targets=[target])
    for cell in run.ledger.cells:
        assert cell.verdict is Verdict.BLOCKED
        assert "self-signed certificate" in cell.reason
        assert "SSL_CERT_FILE" in cell.reason
