"""What a process writes of its errors holds no name, however it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

TITLE = "zqkanari"
WAYS = {
    "logged": "logging.getLogger('uvicorn.error').error('in %s', title, exc_info=error)",
    "of ours": "logging.getLogger('reelkeep.web').exception('a request failed by a defect')",
    "of a thread": "t = threading.Thread(target=lambda: int(title)); t.start(); t.join()",
    "never seen": "type('Bad', (), {'__del__': lambda self: int(title)})()",
    "fatal": "raise ValueError(title) from error",
}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_an_error_is_told_by_its_class_and_place_alone(way: str) -> None:
    program = f"""
import logging, threading
from reelkeep.isolation.nameless_log import keep_names_out
keep_names_out()
title = {TITLE!r}
try:
    {{title: 1}}["other " + title]
except KeyError as error:
    {WAYS[way]}
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False).stderr
    assert "Error at " in told
    assert TITLE not in told
