"""Only Twilio may hand over texts: signatures by the twilio package's own RequestValidator, also behind a TLS proxy."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from bot.db import Database
from bot.privacy import Keys
from bot.settings import Settings
from tests.channels.patient import PATH, PUBLIC, Patient, sign, texting_app, texts
from tests.conftest import Serve, free_port, missing
from tests.echo_engine import EchoEngine


@pytest.fixture
def engine() -> EchoEngine:
    """What must not be reached by unsigned texts."""
    return EchoEngine()


@pytest_asyncio.fixture
async def patient(
    settings_for: Callable[..., Settings], engine: EchoEngine, sqlite_database: Database, keys: Keys, serve: Serve
) -> AsyncIterator[Patient]:
    """A patient at the served application."""
    yield Patient(await serve(texting_app(settings_for, engine, sqlite_database, keys)))


async def test_a_signed_text_is_answered(patient):
    """A good signature over the public address opens the door, whatever host the request itself names."""
    response = await patient.post(patient.form("what is this"), Host="10.0.0.7:8443")
    assert response.status_code == 200
    assert "echo: what is this" in texts(response)[0]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda form: (form, ""), id="no signature"),
        pytest.param(lambda form: (form, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="), id="made-up signature"),
        pytest.param(lambda form: (form, sign(form, token="f" * 32)), id="another token"),
        pytest.param(lambda form: (form, sign(form, url="https://elsewhere.example" + PATH)), id="another address"),
        pytest.param(lambda form: (form, sign(form, url=PUBLIC + "/sms/status")), id="another operation's"),
        pytest.param(lambda form: ({**form, "Body": "other words"}, sign(form)), id="changed text"),
        pytest.param(lambda form: ({**form, "From": "+18455550199"}, sign(form)), id="changed sender"),
        pytest.param(lambda form: ({**form, "OptOutType": "STOP"}, sign(form)), id="extra parameter"),
        pytest.param(lambda form: ({k: v for k, v in form.items() if k != "To"}, sign(form)), id="missing parameter"),
        pytest.param(lambda form: (form, "ü"), id="not ASCII"),
        pytest.param(lambda form: (form, "\udcff"), id="not UTF-8"),
    ],
)
async def test_anything_else_is_refused(patient, engine, spoil):
    """No, a wrong or a moved signature, and a changed, extra or missing parameter are 403 and reach nothing."""
    form, signature = spoil(patient.form("what is this"))
    request = patient.client.build_request("POST", PATH, data=form)
    if signature:
        request.headers.raw  # noqa: B018  # httpx wants ASCII; bytes are sent as they are
        request.headers = httpx.Headers([
            *request.headers.raw, (b"X-Twilio-Signature", signature.encode(errors="surrogateescape"))
        ])
    response = await patient.client.send(request)
    assert response.status_code == 403
    assert response.json()["code"] == "forbidden"
    assert "what is this" not in response.text and "+1845" not in response.text
    assert engine.answered == []


async def test_two_signatures_are_none(patient, engine):
    """Which of two signatures counts is nobody's choice."""
    form = patient.form("hi")
    response = await patient.client.post(
        PATH, data=form, headers=[("X-Twilio-Signature", sign(form)), ("X-Twilio-Signature", sign(form))]
    )
    assert (response.status_code, engine.answered) == (403, [])


async def test_a_query_is_part_of_what_is_signed(patient, engine):
    """A parameter put behind the address breaks the signature; one that Twilio was configured with does not."""
    form = patient.form("hi")
    assert (await patient.post(form, url=PATH + "?From=%2B18455550199")).status_code == 403
    configured = PATH + "?source=twilio"
    response = await patient.post(form, url=configured, signature=sign(form, url=PUBLIC + configured))
    assert response.status_code == 200


async def test_without_a_token_in_production_nobody_can_sign(settings_for, engine, sqlite_database, keys, serve):
    """An installation without Twilio's token takes no texts, not even those signed with an empty one."""
    from pydantic import SecretStr

    app = texting_app(
        settings_for, engine, sqlite_database, keys, twilio_auth_token=SecretStr(""), mode="production",
        verification_url="none",
    )
    patient = Patient(await serve(app))
    form = patient.form("hi")
    for signature in (sign(form, token=""), ""):
        assert (await patient.post(form, signature=signature)).status_code == 403
    assert engine.answered == []


async def test_a_picture_message_with_every_parameter_is_read(patient):
    """Ten pictures bring some twenty more parameters, all of them signed; the words are answered."""
    media = {f"MediaUrl{n}": f"https://api.twilio.com/media/{n}" for n in range(10)}
    media |= {f"MediaContentType{n}": "image/jpeg" for n in range(10)}
    assert "echo: see this" in (await patient.text("see this", NumMedia="10", **media))[0]


async def test_a_form_without_sender_or_id_is_refused_without_an_echo(patient, engine):
    """Signed or not, a form that is no text message is 400 and names the fields alone."""
    form = {k: v for k, v in patient.form("secret words").items() if k not in ("From", "MessageSid")}
    response = await patient.post(form)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["MessageSid", "From"]
    assert "secret words" not in response.text and engine.answered == []


async def test_a_huge_form_is_refused(patient, engine):
    """More than the body limit is 413."""
    response = await patient.post(patient.form("x" * 20_000))
    assert (response.status_code, engine.answered) == (413, [])


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Callable[[int], int]]:
    """`nginx(port)`: a TLS-terminating proxy before the port that rewrites host and scheme; gives its own port."""
    binary = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)
    if binary is None or shutil.which("openssl") is None:
        missing("nginx with openssl")
    running: list[subprocess.Popen[bytes]] = []

    def start(upstream: int) -> int:
        port = free_port()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
             "-days", "1", "-subj", "/CN=help.example.org", "-addext", "subjectAltName=IP:127.0.0.1"],
            cwd=tmp_path, check=True, capture_output=True,
        )
        temp = "\n".join(
            f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (tmp_path / "nginx.conf").write_text(f"""
            daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; worker_processes 1;
            events {{}}
            http {{
                {temp} access_log off;
                server {{
                    listen 127.0.0.1:{port} ssl; server_name help.example.org;
                    ssl_certificate {tmp_path}/cert.pem; ssl_certificate_key {tmp_path}/key.pem;
                    location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_set_header Host inside.local:8080; }}
                }}
            }}""")
        tmp_path.chmod(0o755)
        running.append(subprocess.Popen([str(binary), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]))
        return port

    yield start
    for process in running:
        process.terminate()
        process.wait()


async def test_signatures_hold_behind_a_tls_proxy(patient, nginx, tmp_path):
    """Behind nginx, which ends TLS and writes another host, a good signature passes and a bad one does not."""
    port = nginx(patient.client.base_url.port)
    transport = httpx.AsyncHTTPTransport(verify=httpx.create_ssl_context(str(tmp_path / "cert.pem")), retries=8)
    async with httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", transport=transport) as outside:
        behind = Patient(outside)
        assert "echo: hello from outside" in (await behind.text("hello from outside"))[0]
        assert (await behind.post(behind.form("hi"), signature="bm90IHRoZSBzaWduYXR1cmU=")).status_code == 403
        assert (await behind.post(behind.form("hi"), signature="")).status_code == 403
