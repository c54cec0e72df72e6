"""The part of a task that makes signatures of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from perdure.compat.celery.signature import Signature

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery
    from perdure.compat.celery.canvas import chunks, xmap, xstarmap


class Signing:
    """A part of `Task`."""

    name: Any
    _app: Celery | None

    def s(self, *args: Any, **kwargs: Any) -> Signature:
        """A call that is not made yet; what comes before it is put before these arguments."""
        return self.signature(args, kwargs)

    def si(self, *args: Any, **kwargs: Any) -> Signature:
        """The same, but it is not given what comes before."""
        return self.signature(args, kwargs, immutable=True)

    def signature(self, args: Sequence[Any] | None = None, *more: Any, **options: Any) -> Signature:
        """A call that is not made yet, with options of `apply_async`."""
        return Signature(self, args, *more, **{**options, "app": self._app})

    subtask = signature

    def map(self, it: Iterable[Any]) -> xmap:
        """It for each of these arguments, one after another."""
        from perdure.compat.celery import canvas

        return canvas.xmap(self.s(), it, app=self._app)

    def starmap(self, it: Iterable[Any]) -> xstarmap:
        """It for each of these lists of arguments, one after another."""
        from perdure.compat.celery import canvas

        return canvas.xstarmap(self.s(), it, app=self._app)

    def chunks(self, it: Iterable[Any], n: int) -> chunks:
        """`starmap` in pieces of `n`, which run at once."""
        from perdure.compat.celery import canvas

        return canvas.chunks(self.s(), it, n, app=self._app)
