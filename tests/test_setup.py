"""`setup.sh` on machines that lack something: one line says what, and what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "setup.sh"
NO_VENV = "exit 1"
NO_NETWORK = """
mkdir -p .venv-uv/bin
printf '#!/bin/sh\\necho "could not find a version" >&2; exit 1\\n' > .venv-uv/bin/python
chmod +x .venv-uv/bin/python
"""


@pytest.mark.parametrize(("programs", "venv", "named"), [
    ({}, "", "apt install python3 python3-venv"),
    ({"python3.11": NO_VENV}, "", "apt install python3-venv"),
    ({"python3": NO_VENV}, "", "apt install python3-venv"),
    ({"python3.11": NO_NETWORK}, "", "uv could not be installed"),
    ({"uv": "exit 2"}, "", "there is no Python 3.11"),
    ({"uv": "exit 0"}, "exit 1", ".venv is not of Python 3.11: make clean"),
])
def test_what_is_missing_is_named(tmp_path: Path, programs: dict[str, str], venv: str, named: str) -> None:
    """Without Python, its venv module, PyPI or Python 3.11, or with a .venv of another Python, the last line tells."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "printf", "rm", "mkdir", "chmod"):
        found = shutil.which(tool)
        if found:
            (tools / tool).symlink_to(found)
    for name, script in programs.items():
        _program(tools / name, script)
    if venv:
        (tmp_path / ".venv" / "bin").mkdir(parents=True)
        _program(tmp_path / ".venv" / "bin" / "python", venv)
    done = subprocess.run(
        ["/bin/sh", SCRIPT, "requirements.lock"], cwd=tmp_path, env={"PATH": str(tools)}, capture_output=True,
        text=True, check=False,
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("setup: ") and named in last
    assert not (tmp_path / ".venv-uv").exists() or named == "uv could not be installed"


def test_the_interpreter_that_was_named_is_taken(tmp_path: Path) -> None:
    """`make run PYTHON=/usr/bin/python3.11`, though another one comes first on the PATH."""
    (tmp_path / "bin").mkdir()
    for name in ("python3.11", "mine"):
        _program(tmp_path / "bin" / name, "")
    _program(tmp_path / "bin" / "uv", f'echo "$@" >> {tmp_path}/asked; exit 2')
    wanted = tmp_path / "bin" / "mine"
    environment = {"PATH": f"{tmp_path / 'bin'}:/bin", "PYTHON": str(wanted)}
    subprocess.run(["/bin/sh", SCRIPT, "requirements.lock"], cwd=tmp_path, env=environment, check=False)
    assert f"--python {wanted} " in (tmp_path / "asked").read_text()


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    os.chmod(path, 0o755)
