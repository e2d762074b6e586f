"""Reading ahead: the next page comes in while the present one is being written."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from threading import Event, Thread
from typing import Protocol, TypeVar

_T = TypeVar("_T")


class Ahead(Protocol):
    """Hands on what an iterator yields, in its order. A simulation hands over ``iter``: nothing happens by itself."""

    def __call__(self, pages: Iterator[_T], /) -> Iterator[_T]: ...


def read_ahead(pages: Iterator[_T], /) -> Iterator[_T]:
    """Takes the next page in a thread of its own. What that raises is raised here, in the page's place."""
    queue: Queue[_T | BaseException | None] = Queue(maxsize=1)
    stop = Event()

    def fill() -> None:
        try:
            for page in pages:
                queue.put(page)
                if stop.is_set():
                    return
            queue.put(None)
        except BaseException as error:  # noqa: BLE001 - handed over whole and raised by the consumer
            queue.put(error)

    thread = Thread(target=fill, name="isthmus-reader", daemon=True)
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
