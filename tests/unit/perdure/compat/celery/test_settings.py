"""The table of settings."""

from __future__ import annotations

from perdure.compat.celery.settings import DEFAULTS, OLD_NAMES, REFUSED, RULES, WITHOUT_EFFECT


def test_a_setting_is_in_one_place() -> None:
    assert not DEFAULTS.keys() & REFUSED.keys()
    assert not DEFAULTS.keys() & WITHOUT_EFFECT
    assert not WITHOUT_EFFECT & REFUSED.keys()
    assert set(OLD_NAMES.values()) <= set(DEFAULTS)
    assert set(RULES) <= set(DEFAULTS)


def test_defaults_keep_their_own_rules() -> None:
    assert all(rule.is_right(DEFAULTS[name]) for name, rule in RULES.items())
