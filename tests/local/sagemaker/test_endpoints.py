"""Endpoints: validation, life cycle, serving."""

from __future__ import annotations

from typing import Any

import pytest


def test_an_endpoint_answers_with_the_model_from_the_archive(lab: Any, up: str, down: str) -> None:
    endpoint = lab.endpoint(lab.config(up))
    assert float(lab.invoke(endpoint, "1,0,0,0")) > 0.5 > float(lab.invoke(endpoint, "-1,0,0,0"))
    other = lab.endpoint(lab.config(down))
    assert float(lab.invoke(other, "1,0,0,0")) < 0.5
