"""Whose the parts of stored turns are: finding a person's, and taking them out. Pure.

Turns that were stored before their parts were told apart are read by the labels that they begin
their lines with ("Ann: …"), whole labels of people who are known alone. Text is never searched.
"""

from collections.abc import Iterator, Mapping, Sequence

from data.records import Said, Turn


def has_parts(turns: Sequence[Turn]) -> bool:
    """Whether it is known whose the parts of these turns are."""
    return any(turn.said for turn in turns)


def said_by(turns: Sequence[Turn], user_id: str) -> list[tuple[str, str]]:
    """Role and text of each part that is this person's, or was said to this person."""
    return [
        (turn.role, part.text) for turn in turns for part in turn.said if part.user_id == user_id
    ]


def without(turns: Sequence[Turn], user_id: str) -> tuple[Turn, ...]:
    """The turns without this person's parts; all other parts keep their text and their order.

    A turn of which nothing is left goes. What is left may not alternate: `merge_turns`.
    """
    return tuple(left for turn in turns if (left := _left(turn, user_id)) is not None)


def is_asked_by(turns: Sequence[Turn], user_id: str) -> bool:
    """Whether the last part, which is the prompt, is this person's."""
    last = turns[-1].said if turns else ()
    return bool(last) and last[-1].user_id == user_id


def told_apart(
    turns: Sequence[Turn], asker: str, asker_label: str, prompt: str, labels: Mapping[str, str]
) -> tuple[Turn, ...]:
    """Turns without parts, with the parts that their labels tell apart.

    `labels` has the id of each person who may be labelled in them. If the prompt has no label,
    the asker was alone with the bot, and everything is the asker's.
    """
    known = {**labels, asker_label: labels.get(asker_label, asker)}
    labelled = f"{asker_label}: {prompt}"
    if not f"\n{turns[-1].content if turns else ''}".endswith(f"\n{labelled}"):
        return tuple(_whole(turn, asker) for turn in turns)
    marked: list[Turn] = []
    speaker: str | None = None
    for turn in turns[:-1]:
        if turn.role == "user":
            parts = tuple(_parts(turn.content, known))
            speaker = parts[-1].user_id
            marked.append(Turn("user", turn.content, parts))
        else:
            marked.append(_whole(turn, speaker))
    content = turns[-1].content
    earlier = content[: -len(labelled)].removesuffix("\n")
    parts = (*(_parts(earlier, known) if earlier else ()), Said(asker, labelled))
    return (*marked, Turn("user", content, parts))


def _whole(turn: Turn, user_id: str | None) -> Turn:
    said = Said(None if turn.role == "system" else user_id, turn.content)
    return Turn(turn.role, turn.content, (said,))


def _left(turn: Turn, user_id: str) -> Turn | None:
    parts = tuple(part for part in turn.said if part.user_id != user_id)
    if len(parts) == len(turn.said):
        return turn
    return Turn(turn.role, "\n".join(part.text for part in parts), parts) if parts else None


def _parts(content: str, known: Mapping[str, str]) -> Iterator[Said]:
    """The lines of a user's turn, each with the label's person until the next label."""
    speaker: str | None = None
    lines: list[str] = []
    for line in content.split("\n"):
        label, colon, _ = line.partition(": ")
        if colon and label in known:
            if lines:
                yield Said(speaker, "\n".join(lines))
            speaker, lines = known[label], []
        lines.append(line)
    yield Said(speaker, "\n".join(lines))
