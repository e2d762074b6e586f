"""Reading ahead: the next page comes in while the present one is being written."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from threading import Event, Thread
from typing import Protocol, TypeVar

_T = TypeVar("_T")

PAUSE_SECONDS = 0.0005


class Ahead(Protocol):
    """Hands on what an iterator yields, in its order. A simulation hands over ``iter``: nothing happens by itself.

    None is no page, but a place in the middle of one where whoever makes it may pause.
    """

    def __call__(self, pages: Iterator[_T | None], /) -> Iterator[_T | None]: ...


def read_ahead(pages: Iterator[_T | None], /) -> Iterator[_T | None]:
    """Takes the next page in a thread of its own. What that raises is raised here, in the page's place.

    While a page lies ready, that thread is in no hurry and pauses often. Only one thread runs Python at a time, and
    each takes it for milliseconds: without pauses the pages are made while the writer has something to do, and not
    while it waits for the database.
    """
    queue: Queue[_T | BaseException | None] = Queue(maxsize=1)
    stop = Event()
    thread = Thread(target=_fill, args=(queue, pages, stop), name="isthmus-reader", daemon=True)
    thread.start()
    try:
        while (got := queue.get()) is not None:
            if isinstance(got, BaseException):
                raise got
            yield got
    finally:
        stop.set()
        while not queue.empty():
            queue.get_nowait()
        thread.join()


def _fill(queue: Queue[_T | BaseException | None], pages: Iterator[_T | None], stop: Event) -> None:
    """Puts the pages in line, then None. An error is handed over whole and raised by the consumer."""
    try:
        for page in pages:
            if page is not None:
                queue.put(page)
            if stop.wait(0 if queue.empty() else PAUSE_SECONDS):
                return
        queue.put(None)
    except BaseException as error:  # noqa: BLE001 - not lost: see above
        queue.put(error)
