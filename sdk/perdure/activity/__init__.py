"""What activity code uses: the decorator that defines one, and what it may ask and do while it runs."""

from perdure.activity.definition import defn

__all__ = ["defn"]
