"""What is the author's own stays to the character, even with every rule applied."""

import pytest

from training.prepare.cleaning.clean import clean

PATHS = [
    r"it lies in C:\new\tools and C:\temp\notes",
    r"on \\server\new\tools",
    r"in %APPDATA%\new\table or ..\nested\tree",
    "C:/u/name and ../u/files and /u/local/bin",
    "/home/me/site.com/index",
    "open src/u/main.py",
]
MATHS = [
    r"take \nabla f and \theta",
    r"$\nu \ne \tau$ holds",
    "$$\\nu\n  + \\ni$$",
    r"\(\nu_1\) and \[\ni x_2\]",
    "\\begin{matrix}\n  a  & b \\\\ \\nu\n\\end{matrix}",
    "x is\n> 5",
    "> 5",
    ">5 and < 10",
    "> 50%",
    "> 2019 was a good year",
    "x\n>= 5",
    "x is\n> 5\n> 3.5 + 1",
]
ESCAPES = [
    r"a line end is \\n in C",
    r'split at "\n" or \'\t\'',
    r"split at /\n/ or /\t/g",
    r"the regex [^\n]+ and [\r\n] and a|\n",
]
ENTITIES = [
    "that&nothing",
    "?a=1&copy=2&lang=en",
    "/x?q=1&notin=2&reg",
    "AT&T; R&D;",
    "&notit;",
    "&copyright",
    "&#xZZ; &#; &;",
]
CODE = [
    "```python\ndef f(x):\n    if x:\n        return  1  # &amp; \\n\n```",
    "~~~\n> u/name   @name\n~~~",
    "```\nEDIT: this is code\n\n\n\nhttps://example.org/a",
    "so:\n\n    for x in y:\n        print(x)   # &lt;\n\n    done()\n\nyes",
    "\tmake all\n\t  > out",
    "call `a  b &amp; \\n @name` now",
    "call ``a ` &lt; b`` now",
    "look: ```a\\nb  c``` there",
    "def f(x):\n    return x",
    "a:\n  b: 1\n  c:\n    - d",
    "- one\n  - two\n    - three",
    "```py\nx = 1  # &amp;```",
]
LAYOUT = [
    "| name  | age |\n| ----- | --- |\n| Bob   | 5   |",
    "name     age\nBob      5\nAlice    33",
    " /\\_/\\\n( o.o )\n > ^ <",
    "a\tb\tc\n1\t2\t3",
]
NOTES = [
    "ETA: 5 minutes",
    "ETA: tomorrow, says the driver",
    "Edit-wars are a plague",
    "Edit - Preferences - Fonts",
    "Editing: a craft",
    "Edited volumes: a list",
    "eta-carinae; a star",
    "I edited it. Editors: none.",
    "etas: three",
    "edit;distance",
    "roles:\n  view: all\n  edit: admins\n  delete: none",
    "edit: true\nview: false",
    "- View: to look\n- Edit: to change",
    "View: to look\nEdit: to change",
]
MARKUP = [
    ">>> print(5)\n5",
    ">>> a = 1\n>>> a\n1",
    ">:( no\n>_< no",
    "a -> b\n<- c",
    "@property\ndef name(self): ...",
    "@app.route('/a')\n@login_required\ndef view(): ...",
    "@Override\npublic void run() {}",
    "npm i @angular/core",
    "user@host:~$ ls",
    "List<String> a = b @ c;",
    "#include <vector>\nint a = 5 > 3 && b < 4;",
    "| [a] | b |\n|---|---|\n|  c  |  d  |",
    "Roses are red,\n   violets are blue,\n      so it goes.",
    "<#123> at <t:1700000000>",
    "@media (max-width: 5px) {}",
]
WRITING = [
    "👩‍🚀 👨‍👩‍👧 🏳️‍🌈 ❤️",
    "می‌خواهم کتاب‌ها را",
    "क्‍ष और क्‌ष",
    "ശ്രീ ന്‍",
    "ภาษา\u200bไทย",
    "שלום\u200f!\u200e",
    "Vraiment\u202f? Oui\u00a0: 1\u202f000\u00a0€, «\u00a0merci\u00a0»",
    "東京\u3000大阪",
    "q\u0307\u0323 s\u0323\u0307",
]


@pytest.mark.parametrize(
    "text",
    [*PATHS, *MATHS, *ESCAPES, *ENTITIES, *CODE, *LAYOUT, *NOTES, *MARKUP, *WRITING[:-1]],
)
def test_the_text_stays(text):
    assert clean(text) == text


def test_marks_are_put_in_one_order_and_none_is_lost():
    assert clean("q\u0307\u0323 s\u0323\u0307") == "q\u0323\u0307 \u1e69"
