"""The files of deploy/ fit this project: nginx reads its own, and every name in them exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.http.headers import CONTENT_SECURITY_POLICY
from bot.http.server import BODY_LIMIT, new_app
from bot.settings import Settings, SettingsError, load_settings
from tests.conftest import missing
from tests.deploy.proxy import nginx_configuration, self_signed

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
NGINX = (DEPLOY / "nginx.conf").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
FILES = {path.name: path.read_text() for path in DEPLOY.iterdir() if path.is_file()}
PAGE = (ROOT / "docs" / "production.md").read_text()


def test_nginx_reads_its_configuration(tmp_path: Path) -> None:
    """`nginx -t` on the very file, with this test's ports, certificate and replicas."""
    if shutil.which("nginx") is None:
        missing("nginx")
    self_signed(tmp_path)
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(nginx_configuration(tmp_path, 18443, 18080, [18001, 18002]))
    result = subprocess.run(
        ["nginx", "-t", "-c", configuration, "-g", "daemon off;"], capture_output=True, text=True, check=False,
    )
    assert result.returncode == 0, result.stderr


def test_nginx_and_the_replicas_agree() -> None:
    """The body limit is the replicas'; nginx closes idle connections first, and waits longer than a replica answers."""
    app = new_app(Settings(_env_file=None), [])  # type: ignore[call-arg]
    assert f"client_max_body_size {BODY_LIMIT // 1024}k;" in NGINX
    idle = re.search(r"keepalive 64;\s+keepalive_timeout (\d+)s;", NGINX)
    assert idle and int(idle[1]) < app.config.KEEP_ALIVE_TIMEOUT
    assert re.search(r"proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;", NGINX)
    assert CONTENT_SECURITY_POLICY not in NGINX  # headers are decided in one place


def test_each_variable_is_a_setting() -> None:
    """Every TWOSTEP_ name in deploy/ and on the page about production is a setting."""
    for name, text in {**FILES, "production.md": PAGE}.items():
        for variable in re.findall(r"\bTWOSTEP_([A-Z0-9_]+)", text):
            assert variable.lower() in Settings.model_fields, f"{name}: TWOSTEP_{variable}"


def test_compose_holds_no_secret_and_misses_no_part() -> None:
    """Two like replicas start after one migration; secrets come from files alone, which the repository ignores."""
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "redis", "migrate", "app-1", "app-2", "nginx"}
    assert services["app-1"] == services["app-2"]
    assert services["app-1"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert set(services["nginx"]["depends_on"]) == set(re.findall(r"server (app-\d):8000", NGINX))
    assert services["app-1"]["environment"]["TWOSTEP_TRUSTED_PROXIES"] in str(COMPOSE["networks"]["front"])
    for service in services.values():
        for value in (service.get("environment") or {}).values():
            assert "secret" not in str(value) and "password" not in str(value)
    ignored = (ROOT / ".gitignore").read_text()
    assert "deploy/*.env" in ignored and "deploy/tls/" in ignored
    for name in {service["env_file"] for service in services.values() if "env_file" in service}:
        example = FILES[f"{name}.example"]
        assert re.findall(r"^(\w*(?:KEY|PASSWORD|TOKEN|CREDENTIAL|URL|SID))=(\S+)", example, re.MULTILINE) in (
            [], [("TWOSTEP_PUBLIC_URL", "https://help.example.org")],
        )


def test_the_example_with_its_gaps_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its secrets the production file is refused, and every gap is named; with them it is complete."""
    values = dict(re.findall(r"^(TWOSTEP_\w+)=(.*)$", FILES["app.env.example"], re.MULTILINE))
    values |= {"TWOSTEP_DATABASE_URL": "postgresql+psycopg://u:p@h/d", "TWOSTEP_REDIS_URL": "redis://:p@h:6379/0"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings(_env_file=None)
    for name in ("SECRET_KEY", "BOT_CREDENTIAL", "TWILIO_AUTH_TOKEN", "CODE_SENDER", "SMTP_URL", "CONTACT_INBOX"):
        assert f"TWOSTEP_{name}" in str(refused.value)
    gaps = {
        "TWOSTEP_SMTP_URL": "smtp://u:p@h",
        "TWOSTEP_CODE_SENDER": "+18455550100", "TWOSTEP_HELP_SENDER": "+18455550101",
        "TWOSTEP_MAIL_FROM": "codes@example.org", "TWOSTEP_CONTACT_INBOX": "desk@example.org",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value or gaps.get(name, "x" * 32))
    assert load_settings(_env_file=None).https


def test_the_image_is_made_from_files_that_exist() -> None:
    """Each COPY names what is there and what the ignore file lets through; the start command exists."""
    allowed = set(re.findall(r"^!(\S+)$", FILES["Dockerfile.dockerignore"], re.MULTILINE))
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]
    }
    assert {source.removeprefix("./") for source in copied} == allowed
    for source in copied:
        assert (ROOT / source).exists(), source
    assert "--require-hashes" in DOCKERFILE and "USER twostep" in DOCKERFILE and "HEALTHCHECK" in DOCKERFILE
    assert 'CMD ["twostep", "serve"]' in DOCKERFILE
    assert not re.search(r"^(ENV|ARG)\b.*(KEY|TOKEN|PASSWORD|CREDENTIAL)", DOCKERFILE, re.MULTILINE)


def test_the_page_on_production_names_what_exists() -> None:
    """Metrics, commands and files that docs/production.md names are there."""
    source = (ROOT / "bot" / "http" / "metrics.py").read_text()
    for metric in re.findall(r"`(twostep_\w+?)(?:_total|_bucket|_count|_sum)?[`{]", PAGE):
        assert f'"{metric}"' in source, metric
    for target in re.findall(r"\]\(((?!http)[^)#]+)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
