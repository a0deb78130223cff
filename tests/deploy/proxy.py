"""deploy/nginx.conf on this machine: the file itself, with ports, certificate and replicas put in their places."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = Path(__file__).parents[2]


def nginx_configuration(folder: Path, https: int, http: int, replicas: Sequence[int]) -> str:
    """The text of deploy/nginx.conf for loopback.

    Args:
        folder: holds the certificate; nginx's own files go there.
        https, http: ports to listen on.
        replicas: ports of the replicas.
    """
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    servers = [f"server app-{number}:8000" for number in range(1, len(replicas) + 1)]
    replacements = {
        "listen [::]:80;": "", "listen [::]:443 ssl http2;": "",
        "listen 80;": f"listen 127.0.0.1:{http};", "listen 443 ssl http2;": f"listen 127.0.0.1:{https} ssl http2;",
        "/etc/nginx/tls/": f"{folder}/", "/tmp/nginx": f"{folder}/nginx", "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log", "help.example.org": "localhost",
        **{server: f"server 127.0.0.1:{port}" for server, port in zip(servers, replicas, strict=True)},
    }
    for old, new in replacements.items():
        if old not in text:
            raise ValueError(f"deploy/nginx.conf has no {old!r} any more")
        text = text.replace(old, new)
    return text


def self_signed(folder: Path) -> Path:
    """A certificate for localhost in the places that the configuration names; gives the certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([
            x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")),
        ]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "fullchain.pem", folder / "privkey.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    return pem


class Nginx:
    """An nginx of the tests."""

    def __init__(self, folder: Path, https: int, http: int, replicas: Sequence[int]) -> None:
        self.folder = folder
        self.certificate = self_signed(folder)
        self.configuration = folder / "nginx.conf"
        self.configuration.write_text(nginx_configuration(folder, https, http, replicas))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it answers at once."""
        self._process = subprocess.Popen(
            ["nginx", "-c", self.configuration, "-g", "daemon off;"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
