"""The README and .env.example tell the truth about commands, settings and files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import typer

from bot.cli import app
from bot.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_each_setting_stands_in_the_example_with_a_comment_before_it():
    """Every setting can be found in .env.example, and nothing else."""
    named = set(re.findall(r"^(TWOSTEP_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named == {f"TWOSTEP_{name.upper()}" for name in Settings.model_fields}


def test_each_default_is_the_one_in_the_example(monkeypatch: pytest.MonkeyPatch):
    """Who copies .env.example changes nothing."""
    for name in os.environ:
        if name.startswith("TWOSTEP_"):
            monkeypatch.delenv(name)
    assert load_settings(_env_file=ROOT / ".env.example") == load_settings(_env_file=None)


def test_each_command_of_the_readme_exists():
    """The commands that the README lists are the ones that `twostep --help` knows."""
    commands = typer.main.get_command(app).commands
    listed = re.search(r"`\.venv/bin/twostep` works: (.*?)\n\n", README, re.DOTALL)
    assert listed
    for name in re.findall(r"`([a-z-]+)`", listed[1]):
        assert name in commands, name


def test_each_setting_and_file_of_the_readme_exists():
    """What the README names is there."""
    for name in re.findall(r"\bTWOSTEP_(\w+)", README):
        assert name.lower() in Settings.model_fields, name
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / target).exists(), target
