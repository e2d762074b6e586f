"""One call of a command: what all commands take, who called, and which exit code an error becomes."""

from __future__ import annotations

import functools
import gc
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli.screen import Screen
from isthmus.kernel.errors import Fault, IsthmusError, Misconfigured, Unavailable
from isthmus.settings import Settings, environment, load_settings

if TYPE_CHECKING:
    from isthmus.app import Workshop

BROKEN, INTERRUPTED, NOBODY_READS = 70, 130, 141  # the last two as a shell tells of SIGINT and SIGPIPE


def _common(flag: str, words: str, metavar: str | None = None) -> Any:
    return typer.Option(flag, help=words, metavar=metavar, rich_help_panel="For every command")


_SETTINGS = Annotated[
    str | None, _common("--settings", "Which isthmus.yaml; else ISTHMUS_SETTINGS, else the one here.", "FILE")
]
_JSON = Annotated[bool, _common("--json", "One JSON document on stdout.")]
_DEBUG = Annotated[bool, _common("--debug", "Show where an error came from.")]
_AS = Annotated[str | None, _common("--as", "Who does this, for the audit; else you, as the system knows you.", "NAME")]


class Call:
    """What a command is given. The workshop opens at first use, so that a command pays only for what it needs.

    ``told`` is what the JSON document says so far; an error is added to it. ``in_lines`` is set by a command that
    tells one JSON document a line.
    """

    def __init__(self, *, settings: Path | None, as_json: bool, debug: bool, name: str | None) -> None:
        self.screen = Screen(as_json=as_json)
        self.as_json = as_json
        self.told: dict[str, Any] = {}
        self.in_lines = False
        self._file, self._debug, self._name = settings, debug, name

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self._file, environment())

    @cached_property
    def who(self) -> str:
        """``cli:anna``: what the audit keeps."""
        name = self._name if self._name is not None else account_name()
        if not name.strip() or not name.isprintable():
            raise Misconfigured("--as", "is not a name", "write the name of who does this")
        return f"cli:{name.strip()}"

    @contextmanager
    def workshop(self) -> Iterator[Workshop]:
        """Both systems, the store and the mappings, closed at the end."""
        from isthmus.app import open_workshop

        workshop = open_workshop(self.settings, environment())
        collect_again()
        try:
            yield workshop
        finally:
            workshop.close()

    def finish(self, document: dict[str, Any], words: Callable[[], None]) -> None:
        """The result: the document with ``--json``, else the words."""
        if self.as_json:
            self.told.update(document)
            self.screen.document(self.told)
        else:
            words()
        sys.stdout.flush()

    # --- errors ---------------------------------------------------------------------------------------------------

    def run(self, work: Callable[[], int | None]) -> int:
        """Does the work and answers the exit code. No error passes, none shows a traceback unasked."""
        try:
            return work() or 0
        except IsthmusError as error:
            return self._fail(error)
        except KeyboardInterrupt:
            self.screen.hint("interrupted; what was committed stays, and the next run goes on from there")
            return INTERRUPTED
        except BrokenPipeError:  # whoever read our output has gone: `isthmus plan | head`
            sys.stdout = open(_nowhere(), "w", encoding="utf-8")  # noqa: SIM115, PTH123 - open until the process ends
            return NOBODY_READS
        except Exception as error:  # noqa: BLE001 - the last door: an unknown error becomes words and an exit code
            return self._break(error)

    def _fail(self, error: IsthmusError) -> int:
        faults = error.faults if isinstance(error, Misconfigured) else (error.fault,)
        for fault in faults:
            self.screen.fault(fault)
        if self._debug:
            self._show_trace(error)
        later = error.retry_after_seconds if isinstance(error, Unavailable) else None
        self._tell_error(type(error).__name__.lower(), error.exit_code, faults=faults, later_seconds=later)
        return error.exit_code

    def _break(self, error: Exception) -> int:
        """An error that nobody expected: its text may hold anything, so it goes to a log that only we may read."""
        details = "see above" if self._debug else f"the details are in {self._log(error)}"
        if self._debug:
            self._show_trace(error)
        fault = Fault("isthmus", f"stopped by an unexpected {type(error).__name__}", f"{details}; please report it")
        self.screen.fault(fault)
        self._tell_error("unexpected", BROKEN, faults=(fault,))
        return BROKEN

    def _tell_error(
        self, kind: str, code: int, *, faults: tuple[Fault, ...], later_seconds: float | None = None
    ) -> None:
        if not self.as_json:
            return
        told = [{"where": one.where, "what": one.what, "remedy": one.remedy} for one in faults]
        error: dict[str, Any] = {"kind": kind, "exit_code": code, "faults": told}
        if later_seconds is not None:
            error["retry_after_seconds"] = later_seconds
        show = self.screen.json_line if self.in_lines else self.screen.document
        show({**self.told, "error": error})

    def _show_trace(self, error: Exception) -> None:
        for line in _trace(error).splitlines():
            self.screen.hint(line)

    def _log(self, error: Exception) -> str:
        """Appends the details to ``var/isthmus.log`` beside the settings; says how else when that cannot be."""
        from isthmus.kernel.clock import SystemClock, format_stamp

        file = self._file or Path(environment().get("ISTHMUS_SETTINGS", "isthmus.yaml"))
        folder = file.absolute().parent / "var"
        path = folder / "isthmus.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            with path.open("a", encoding="utf-8") as log:
                log.write(f"--- {format_stamp(SystemClock().now())} {' '.join(sys.argv[1:2])}\n{_trace(error)}\n")
        except OSError:
            return "what --debug shows"
        return str(path)


def _trace(error: BaseException) -> str:
    """The traceback; a failed statement is shown without its values, which are people's."""
    one: BaseException | None = error
    while one is not None:
        if hasattr(one, "hide_parameters"):
            one.hide_parameters = True
        one = one.__cause__ or one.__context__
    return "".join(traceback.format_exception(error))


def collect_again() -> None:
    """Ends what `main` began: from here on memory is watched, but what was imported is not looked at again."""
    gc.freeze()
    gc.enable()


def _nowhere() -> str:
    import os

    return os.devnull


def account_name() -> str:
    """The account that the process runs under; the environment could say anything."""
    try:
        import os
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        import getpass

        try:
            return getpass.getuser()
        except (OSError, KeyError, ImportError):
            return "unknown"


def one_of(option: str, value: str | None, known: Iterable[str]) -> None:
    """Raises Misconfigured when an option says something that does not exist: an empty list would be a wrong answer."""
    if value is not None and value not in known:
        raise Misconfigured(option, f"there is no {value!r}", f"use one of {', '.join(known)}")


# --- registering --------------------------------------------------------------------------------------------------


def command(app: typer.Typer, name: str | None = None, *, audited: bool = False) -> Callable[..., Callable[..., Any]]:
    """Makes a function that takes a :class:`Call` first a command of ``app``, with the options that all commands take.

    ``audited`` adds ``--as``. What the function returns is the exit code; None is 0.
    """

    def register(work: Callable[..., int | None]) -> Callable[..., Any]:
        @functools.wraps(work)
        def run(**given: Any) -> None:
            call = Call(
                settings=_path(given.pop("settings_file")),
                as_json=given.pop("as_json"),
                debug=given.pop("debug"),
                name=given.pop("by", None),
            )
            raise typer.Exit(call.run(lambda: work(call, **_readable(given))))

        _extend(run, inspect.signature(work, eval_str=True), audited=audited)
        app.command(name)(run)
        return work

    return register


def _readable(given: dict[str, Any]) -> dict[str, Any]:
    """What was given, if all of it is text. Raises Misconfigured for what a terminal of another alphabet has sent."""
    for value in given.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and any("\ud800" <= character <= "\udfff" for character in one):
                raise Misconfigured(ascii(one), "is not UTF-8", "type it in a terminal that speaks UTF-8")
    return given


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _extend(run: Callable[..., None], signature: inspect.Signature, *, audited: bool) -> None:
    own = list(signature.parameters.values())[1:]
    common = {"settings_file": (_SETTINGS, None), "as_json": (_JSON, False), "debug": (_DEBUG, False)}
    if audited:
        common = {"by": (_AS, None), **common}
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in common.items()
    ]
    every = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own] + added
    run.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in every}
    del run.__wrapped__  # type: ignore[attr-defined]
