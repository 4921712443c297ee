"""`copilot pipeline validate`: everything wrong with a pipeline's manifest and what it names, at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option, json_option
from copilot.cli._output import bold, out, print_json, progress, say, show_warnings, shown_path
from copilot.cli._root import command
from copilot.cli.pipeline._manifest import checks, choose_files, own_workspace
from copilot.cli.pipeline._target import name_option
from copilot.errors import Diagnostic, ManifestError, Problem

if TYPE_CHECKING:
    from copilot.manifest.loader import Document
    from copilot.manifest.pipeline import PipelineManifest
    from copilot.release.plan import Plan
    from copilot.workspace import PipelineFiles


@command("pipeline validate")
@app_option
@name_option
@json_option
def validate(context: Context, name: str | None, as_json: bool) -> None:
    """Checks every pipeline of the workspace unless one is named; without a network, all that needs none.

    Where AWS is the engine, what the pipeline needs there is looked up, too. Nothing is changed anywhere. Notes tell what the
    engine does in another way than the other one.
    """
    from copilot.validation import check_pipeline, notes_of, warnings_of

    workspace = own_workspace(context)
    pipelines = [choose_files(workspace, name)] if name else workspace.pipelines() or [choose_files(workspace, None)]
    good: list[tuple[PipelineFiles, Document[PipelineManifest], Plan]] = []
    problems: list[Diagnostic] = []
    with progress("Asking AWS" if context.on_aws else "Checking"):
        known = checks(context)
        for files in pipelines:
            try:
                document, plan = check_pipeline(workspace, files, known.environments, refusals=known.refusals)
                good.append((files, document, plan))
                problems += known.overrides(files, document.model, plan) if known.overrides is not None else ()
            except ManifestError as error:
                problems += error.diagnostics
    problems += _same_names([document for _, document, _ in good])
    problems = list(dict.fromkeys(problems))
    notes = [note for files, document, _ in good for note in notes_of(workspace, files, document, context.engine_name)]
    warnings = [warning for _, document, plan in good for warning in warnings_of(document, plan)]
    if as_json:
        answer = {
            "valid": not problems,
            "problems": problems,
            "warnings": warnings,
            "notes": notes,
            "environmentsChecked": known.environments is not None,
            "notChecked": known.not_checked,
        }
        print_json(answer)
        click.get_current_context().exit(1 if problems else 0)
    show_warnings(warnings)
    if problems:
        _say_what_was_not_checked(known.not_checked)
        raise ManifestError(problems)
    for files, _, plan in good:
        out(f"{shown_path(files.manifest)} is valid: Source → Build → {' → '.join(plan.environments)}")
    for note in notes:
        say(f"{bold('note:')} {note.file}:{note.line}:{note.column}: {note.message}")
    _say_what_was_not_checked(known.not_checked)


def _same_names(documents: Sequence[Document[PipelineManifest]]) -> list[Diagnostic]:
    """Pipelines that have the name of another one, which an engine would take for changes of that."""
    first: dict[str, str] = {}
    found = []
    for document in documents:
        other = first.setdefault(document.model.name, document.shown_as)
        if other != document.shown_as:
            message = f"there is another pipeline `{document.model.name}`, in {other}"
            found.append(document.diagnostic(Problem(("name",), message, "give each pipeline a name of its own")))
    return found


def _say_what_was_not_checked(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        say(f"{sentence[0].upper()}{sentence[1:]}.")
