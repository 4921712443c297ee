"""A Dockerfile, read for the host runtime: what to copy where, and how to start what was copied.

dockerfile-parse finds the instructions; what they mean is decided here, by Docker's own rules.
"""

from __future__ import annotations

import difflib
import posixpath
import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from copilot.errors import BuildError, UnsupportedError
from copilot.local.host.instructions import Instruction, read_instructions
from copilot.local.host.steps import Copy, Folder, Source, Step
from copilot.local.host.words import Word, WordError, expand, split

_WHY = "the host runtime runs the files on this machine as they are; it has no container to run commands in"
_WAY_OUT = "Do the work in the `build` phase of the buildspec and COPY its result"
_NOT_USED = {
    "USER": "tasks run as the user who runs copilot",
    "HEALTHCHECK": "set `http.healthcheck` in the workload's manifest",
    "VOLUME": "a task's files live as long as the task",
    "ONBUILD": "no image is built on top of this one",
}
_URL = re.compile(r"(?:https?|git|ssh)://|git@", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?[\"']?\w")
_PORTS = re.compile(r"(\d+)(?:-(\d+))?(?:/(?:tcp|udp|sctp))?", re.IGNORECASE)
_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*", re.IGNORECASE)


@dataclass(frozen=True)
class Dockerfile:
    """What a Dockerfile says, variables replaced.

    Attributes:
        base: The image after FROM; recorded, not used.
        steps: What fills the image's file system, in order.
        entrypoint: Argument list; None if there is none. Likewise command. The shell form is ``<shell> -c <text>``.
        workdir: Absolute path in the image.
        exposed: TCP and UDP ports of EXPOSE, in order.
        stop_signal: Name, such as ``SIGTERM``.
        notes: Lines for a person about what is not used.
    """

    base: str
    steps: tuple[Step, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    exposed: tuple[int, ...] = ()
    stop_signal: str = "SIGTERM"
    notes: tuple[str, ...] = ()


def load_dockerfile(path: Path, shown_as: str, args: Mapping[str, str] | None = None, target: str | None = None) -> Dockerfile:
    """Read the Dockerfile at ``path``; messages call it ``shown_as``. Raises BuildError or UnsupportedError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BuildError(
            f"`{shown_as}` does not exist", hint="Write a Dockerfile there, or set `image.build` to the path of one"
        ) from None
    except IsADirectoryError:
        raise BuildError(
            f"`{shown_as}` is a directory, not a Dockerfile", hint=f"Set `image.build` to `{shown_as}/Dockerfile`"
        ) from None
    except OSError as error:
        raise BuildError(f"`{shown_as}` cannot be read: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BuildError(f"`{shown_as}` is not a Dockerfile: it is not UTF-8 text") from None
    return parse_dockerfile(text, shown_as, args, target)


def parse_dockerfile(text: str, shown_as: str, args: Mapping[str, str] | None = None, target: str | None = None) -> Dockerfile:
    """What a Dockerfile says.

    Args:
        text: Its content.
        shown_as: Its path as a person would type it, for messages.
        args: Build arguments (``image.build.args``).
        target: The stage to build; as there is only one, its name or nothing.

    Raises:
        BuildError: It is wrong; the message begins with ``file:line:column``.
        UnsupportedError: It is right, but needs a container to be built: RUN, a second stage, ``COPY --from``.
    """
    script = read_instructions(text, shown_as)
    if not script.instructions:
        raise BuildError(f"{shown_as}:1:1: the Dockerfile is empty", hint="It needs at least `FROM <image>`")
    reader = _Reader(dict(args or {}), script.escape)
    for instruction in script.instructions:
        reader.read(instruction)
    return reader.result(script.instructions[-1], target)


def parse_chmod(text: str) -> int | None:
    """The permission bits of ``--chmod``, or None if they are not octal digits."""
    return int(text, 8) if re.fullmatch(r"[0-7]{3,4}", text) else None


class _Reader:
    """Takes in one instruction after another."""

    def __init__(self, build_args: Mapping[str, str], escape: str) -> None:
        self.build_args = build_args
        self.escape = escape
        self.global_args: dict[str, str] = {}
        self.declared_args: set[str] = set()
        self.args: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.base: str | None = None
        self.stage = ""
        self.steps: list[Step] = []
        self.workdir = "/"
        self.shell: tuple[str, ...] = ("/bin/sh", "-c")
        self.entrypoint: tuple[str, ...] | None = None
        self.command: tuple[str, ...] | None = None
        self.exposed: list[int] = []
        self.stop_signal = "SIGTERM"
        self.notes: list[str] = []
        self.handlers: dict[str, Callable[[Instruction], None]] = {
            "ADD": self.copy,
            "ARG": self.arg,
            "CMD": self.cmd,
            "COPY": self.copy,
            "ENTRYPOINT": self.set_entrypoint,
            "ENV": self.set_env,
            "EXPOSE": self.expose,
            "FROM": self.start_stage,
            "LABEL": self.label,
            "MAINTAINER": lambda _: None,
            "RUN": self.refuse_run,
            "SHELL": self.set_shell,
            "STOPSIGNAL": self.set_stop_signal,
            "WORKDIR": self.set_workdir,
        }

    def read(self, instruction: Instruction) -> None:
        keyword = instruction.keyword
        known = self.handlers.keys() | _NOT_USED.keys()
        if keyword not in known:
            close = difflib.get_close_matches(keyword, sorted(known), n=1)
            raise instruction.error(f"unknown instruction `{keyword}`", hint=f"Did you mean `{close[0]}`?" if close else None)
        if not instruction.value:
            raise instruction.error(f"`{keyword}` needs an argument")
        if self.base is None and keyword not in {"ARG", "FROM"}:
            raise instruction.error(f"`{keyword}` comes before `FROM`", hint="A Dockerfile begins with `FROM <image>`")
        if keyword in _NOT_USED:
            self.note(instruction, f"{keyword} is not used by the host runtime: {_NOT_USED[keyword]}")
        else:
            self.handlers[keyword](instruction)

    def result(self, last: Instruction, target: str | None) -> Dockerfile:
        if self.base is None:
            raise last.error("there is no `FROM`", hint="A Dockerfile needs `FROM <image>`")
        if target is not None and target.lower() not in {self.stage.lower(), "0"}:
            raise BuildError(
                f"{last.place.file}: there is no stage `{target}`",
                hint="Name it with `FROM <image> AS <stage>`, or remove `target`",
            )
        unused = sorted(self.build_args.keys() - self.declared_args)
        if unused:
            self.notes.append(f"{last.place.file}: no ARG uses the build argument {', '.join(f'`{name}`' for name in unused)}")
        return Dockerfile(
            base=self.base,
            steps=tuple(self.steps),
            env=self.env,
            labels=self.labels,
            workdir=self.workdir,
            entrypoint=self.entrypoint,
            command=self.command,
            exposed=tuple(self.exposed),
            stop_signal=self.stop_signal,
            notes=tuple(self.notes),
        )

    def note(self, instruction: Instruction, text: str) -> None:
        self.notes.append(instruction.message(text))

    def words(self, instruction: Instruction) -> tuple[Word, ...]:
        return split(instruction.value, self.escape)

    def expand(self, instruction: Instruction, text: str, offset: int = 0) -> str:
        variables = self.global_args if self.base is None else {**self.args, **self.env}
        try:
            return expand(text, variables, self.escape)
        except WordError as error:
            raise instruction.error(str(error), offset=offset) from None

    def pairs(self, instruction: Instruction) -> dict[str, str]:
        """``name=value`` words, or the old form ``name value with blanks``."""
        words = self.words(instruction)
        if "=" not in words[0].text:
            name = words[0].text
            value = instruction.value[len(name) :].strip()
            if not value:
                raise instruction.error(f"`{name}` has no value", hint=f"Write `{instruction.keyword} name=value`", offset=0)
            return {self.expand(instruction, name): self.expand(instruction, value, len(name) + 1)}
        pairs: dict[str, str] = {}
        for word in words:
            name, equals, value = word.text.partition("=")
            if not equals:
                raise instruction.error(f"`{word.text}` has no `=`", hint="Quote a value that has blanks", offset=word.offset)
            name = self.expand(instruction, name, word.offset)
            if not name:
                raise instruction.error(f"`{word.text}` has no name before `=`", offset=word.offset)
            pairs[name] = self.expand(instruction, value, word.offset)
        return pairs

    def argv(self, instruction: Instruction) -> tuple[str, ...]:
        """The exec form as it is, or the shell form as a command of the shell."""
        listed = instruction.json_list()
        if listed is not None:
            return listed
        if instruction.value.startswith("["):
            self.note(instruction, f"{instruction.keyword} is not a JSON list of strings, so the shell runs it as it stands")
        return (*self.shell, instruction.value)

    def start_stage(self, instruction: Instruction) -> None:
        if self.base is not None:
            _refuse(instruction, "a Dockerfile with several stages cannot be built")
        words = list(self.words(instruction))
        while words and words[0].text.startswith("--"):
            flag = words.pop(0)
            if not flag.text.startswith("--platform="):
                raise instruction.error(f"unknown flag `{flag.text.partition('=')[0]}` of FROM", offset=flag.offset)
        names = [w.text for w in words]
        if len(names) not in {1, 3} or (len(names) == 3 and names[1].upper() != "AS"):
            raise instruction.error("`FROM` takes an image, and perhaps `AS <stage>`")
        if len(names) == 3 and not _STAGE_NAME.fullmatch(names[2]):
            raise instruction.error(f"`{names[2]}` is not a name for a stage", offset=words[2].offset)
        base = self.expand(instruction, names[0], words[0].offset)
        if not base:
            raise instruction.error(f"`{names[0]}` is empty: no image is named", offset=words[0].offset)
        self.base = base
        self.stage = names[2] if len(names) == 3 else ""

    def arg(self, instruction: Instruction) -> None:
        scope = self.global_args if self.base is None else self.args
        for word in self.words(instruction):
            name, equals, default = word.text.partition("=")
            name = self.expand(instruction, name, word.offset)
            if not name:
                raise instruction.error(f"`{word.text}` has no name before `=`", offset=word.offset)
            self.declared_args.add(name)
            if name in self.build_args:
                scope[name] = self.build_args[name]
            elif equals:
                scope[name] = self.expand(instruction, default, word.offset)
            elif self.base is not None and name in self.global_args:
                scope[name] = self.global_args[name]

    def set_env(self, instruction: Instruction) -> None:
        self.env |= self.pairs(instruction)

    def label(self, instruction: Instruction) -> None:
        self.labels |= self.pairs(instruction)

    def set_workdir(self, instruction: Instruction) -> None:
        path = self.expand(instruction, instruction.value)
        if not path:
            raise instruction.error(f"`{instruction.value}` is empty: no folder is named", offset=0)
        self.workdir = _inside(self.workdir, path)
        self.steps.append(Folder(instruction.text, instruction.place, self.workdir))

    def copy(self, instruction: Instruction) -> None:
        words = list(self.words(instruction))
        mode: int | None = None
        while words and words[0].text.startswith("--"):
            mode = self.copy_flag(instruction, words.pop(0), mode)
        if any(_HEREDOC.match(w.text) for w in words):
            raise UnsupportedError(
                instruction.message("a heredoc is not supported by the host runtime"), hint="Put the text in a file and COPY that"
            )
        listed = instruction.json_list(start=words[0].offset if words else 0)
        if listed is not None:
            start = words[0].offset
            words = [Word(text, max(start, instruction.value.find(text, start))) for text in listed]
        if len(words) < 2:
            raise instruction.error(f"`{instruction.keyword}` needs at least one source and a destination")
        *sources, last = (Word(self.expand(instruction, w.text, w.offset), w.offset) for w in words)
        if not last.text:
            raise instruction.error("the destination is empty", offset=last.offset)
        for source in sources:
            if instruction.keyword == "ADD" and _URL.match(source.text):
                _refuse(
                    instruction, "ADD of a URL is not supported", why="it would make the image depend on more than the commit"
                )
        into_folder = last.text.endswith("/") or posixpath.basename(last.text) in {".", ".."}
        if len(sources) > 1 and not into_folder:
            raise instruction.error(
                f"`{last.text}` must be a folder, as there are several sources", hint="End it with `/`", offset=last.offset
            )
        self.steps.append(
            Copy(
                text=instruction.text,
                place=instruction.place,
                sources=tuple(Source(s.text, instruction.at(s.offset)) for s in sources),
                destination=_inside(self.workdir, last.text),
                into_folder=into_folder,
                mode=mode,
                unpack=instruction.keyword == "ADD",
            )
        )

    def copy_flag(self, instruction: Instruction, flag: Word, mode: int | None) -> int | None:
        """The mode after taking in one ``--flag``."""
        name, _, value = flag.text.partition("=")
        if name == "--chmod":
            expanded = self.expand(instruction, value, flag.offset)
            mode = parse_chmod(expanded)
            if mode is None:
                raise instruction.error(
                    f"`{expanded}` is not a mode", hint="Use octal digits, as in `--chmod=755`", offset=flag.offset
                )
        elif name == "--from":
            _refuse(instruction, f"`{flag.text}` cannot be done")
        elif name in {"--exclude", "--parents", "--unpack", "--checksum", "--keep-git-dir"}:
            raise UnsupportedError(instruction.message(f"`{name}` is not supported by the host runtime", flag.offset))
        elif name not in {"--chown", "--link"}:
            raise instruction.error(f"unknown flag `{name}` of {instruction.keyword}", offset=flag.offset)
        return mode

    def cmd(self, instruction: Instruction) -> None:
        self.command = self.argv(instruction)

    def set_entrypoint(self, instruction: Instruction) -> None:
        self.entrypoint = self.argv(instruction)

    def set_shell(self, instruction: Instruction) -> None:
        listed = instruction.json_list()
        if not listed:
            raise instruction.error("`SHELL` takes a JSON list of strings", hint='As in `SHELL ["/bin/bash", "-c"]`')
        self.shell = listed

    def expose(self, instruction: Instruction) -> None:
        for word in self.words(instruction):
            text = self.expand(instruction, word.text, word.offset)
            match = _PORTS.fullmatch(text)
            first = int(match[1]) if match else 0
            last = int(match[2] or match[1]) if match else 0
            if not 1 <= first <= last <= 65535:
                raise instruction.error(f"`{text}` is not a port", hint="As in `EXPOSE 8080`", offset=word.offset)
            self.exposed.extend(range(first, last + 1))

    def set_stop_signal(self, instruction: Instruction) -> None:
        text = self.expand(instruction, instruction.value)
        name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
        try:
            self.stop_signal = (signal.Signals(int(text)) if text.isdecimal() else signal.Signals[name]).name
        except (KeyError, ValueError):
            raise instruction.error(f"`{text}` is not a signal", hint="As in `STOPSIGNAL SIGTERM`", offset=0) from None

    def refuse_run(self, instruction: Instruction) -> None:
        _refuse(instruction, "RUN is not supported by the host runtime")


def _refuse(instruction: Instruction, what: str, why: str = _WHY) -> NoReturn:
    raise UnsupportedError(instruction.message(f"{what}: {why}"), hint=_WAY_OUT, details=instruction.excerpt())


def _inside(workdir: str, path: str) -> str:
    """An absolute path in the image; ``..`` does not lead out of it."""
    return "/" + posixpath.normpath(posixpath.join("/", workdir, path)).strip("/")
