"""Shows what the worker does until it is ready: in a progress bar, or in lines."""

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.text import Text

from bot.text import clean_text
from bot.worker.status import StatusBoard, WorkerPhase, WorkerStatus


async def show_loading(board: StatusBoard, console: Console) -> None:
    """Show the worker's stages until it is ready, or will not be by itself.

    A terminal gets a bar that disappears at the end, anything else a line for each stage.
    """
    if console.is_terminal and not console.is_dumb_terminal:
        await _bar(board, console)
    else:
        await _lines(board, console)


def stage_text(status: WorkerStatus) -> str:
    """What the worker is doing, in one line without control characters."""
    stage = " ".join(clean_text(status.stage or status.phase).split())
    error = " ".join(clean_text(status.error or "").split())
    return f"{stage}: {error}" if error else stage


async def _bar(board: StatusBoard, console: Console) -> None:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(stage_text(board.current), total=None)
        async for status in board.follow():
            if status.is_settled:
                return
            total = None if status.progress is None else 1.0
            progress.update(
                task, description=stage_text(status), total=total, completed=status.progress or 0
            )


async def _lines(board: StatusBoard, console: Console) -> None:
    said = ""
    async for status in board.follow():
        if status.phase is WorkerPhase.READY or status.phase.is_final:
            return
        text = stage_text(status)
        if text != said:
            console.print(Text(f"{text} …"), soft_wrap=True)
            said = text
        if status.configuration:
            return
