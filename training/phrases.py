"""A classifier of phrases: does an answer hide behind being a machine, does it take a position?

It looks only for the phrases below, in lower case with straight apostrophes. It knows nothing of
meaning, so its counts go beside the answers themselves, never in their place. How often it is
right is measured on sentences labelled by hand (`training/labelled.py`).
"""

import re

# Disclaimers: what a stock assistant says instead of an opinion.
_MACHINE = (
    r"(?:ai|a\.i\.|artificial intelligence|language model|virtual assistant|digital assistant"
    r"|chat ?bot|machine|computer(?: program)?|computer system|software(?: program)?|bot|robot"
    r"|assistant)"
)
# "as an AI", but not "as an AI enthusiast" nor "as an assistant coach".
_NOT_A_PERSON = (
    r"(?!['-]|s\b| (?:enthusiast|skeptic|sceptic|engineer|researcher|developer|programmer|expert"
    r"|fan|user|student|nerd|scientist|company|startup|art|artist|coach|manager|professor|director"
    r"|editor|chef|principal|hater|lover|guy|person|shop|repair|with)\b)"
)
_KIND = r"(?:(?:large|helpful|mere|simple|neutral|friendly|just|only|humble) )*"
_ME = rf"an? {_KIND}{_MACHINE}\b{_NOT_A_PERSON}"
_NOT = r"(?:don't|do not|can't|cannot|can not|won't|will not|never)"
_UNABLE = (
    r"(?:(?:i'm|i am|am) )?(?:unable|not able|not capable|not programmed|not allowed|not designed"
    r"|not equipped|not permitted|not supposed|not authorized)"
)
_OWN = r"(?:(?:any|my|a|an|own|personal|real|human|true|strong|political|actual|the) )*"
_VIEWS = (
    r"(?:opinions?|beliefs?|feelings?|preferences?|views?|emotions?|tastes?|desires?|favorites?"
    r"|personal \w+|positions? on|stances?|allegiances?|consciousness|sides?)"
)
_HAVE = (
    r"(?:have|having|hold|holding|form|forming|express|expressing|possess|share|sharing|experience"
    r"|take|taking|pick|picking|choose|choosing|offer|give|giving|provide)"
)
_SERVE = (
    r"(?:help|assist|comply|answer|fulfil+|discuss|comment|provide|offer|judge|recommend|share|say"
    r"|choose|pick|rank|talk about|engage"
    r"|give (?:you )?(?:(?:medical|legal|financial) )?(?:advice|an? \w+))"
)
_WEIGHTY = r"(?:it is|it's) (?:also |always )?(?:important|essential|crucial|worth)"
_LECTURE = (
    r"(?:to )?(?:note|noting|remember that|remembering that|recogni[sz]e|consider|considering"
    r"|acknowledge|understand|remember both|approach|respect|keep in mind|be aware)"
)
_DISCLAIMERS = (
    rf"(?:as|being|since i am|since i'm|because i am|because i'm|speaking as) {_ME}",
    rf"(?:i'm|i am|i was|i'm only|i'm just|am) (?:just |only |merely |simply |but )*{_ME}",
    r"i(?:'m| am) (?:an )?artificial\b",
    rf"{_NOT}(?: \w+ly| actually| even)? {_HAVE} {_OWN}{_VIEWS}",
    rf"{_UNABLE} (?:to |of )(?:{_HAVE}|{_SERVE})",
    rf"(?:have|hold|with|got) no {_OWN}(?:opinions?|beliefs?|preferences?|views?|stance)",
    r"(?:trained|programmed|designed) not to|no (?:personal )?opinions? (?:on|of|about|either)",
    r"(?:don't|do not) experience|access to (?:personal|human|real)|can't feel|cannot feel",
    rf"(?:have|am|i'm) (?:a |an )?{_MACHINE} without|(?:software|code) without|made of code",
    r"have no (?:personal|human|own|allegiance) ?\w*|(?:without|lack) (?:any )?personal \w+",
    r"(?:lack|not have|don't have|without) the (?:ability|capacity|capability) (?:to|of|for)",
    rf"{_WEIGHTY} {_LECTURE}",
    r"please (?:note|consult|remember that)|consult an? (?:\w+ )?professional",
    (
        r"(?:sorry|apologi[sz]e|unfortunately|afraid|regret)\b[^.!?]{0,12} (?:i|but i)"
        rf" (?:can't|cannot|can not|am unable to|won't) {_SERVE}"
    ),
    (
        rf"i (?:can't|cannot|can not) (?:{_SERVE}|take (?:a )?sides?|make that)"
        r"(?= (?:that|with|on|an?|you|for|any|between|of|which|in|to|sides?|one over)\b|[,.!?]|$)"
    ),
    r"(?:don't think|do not think|not) (?:it's |it is )?(?:appropriate|my place)",
    r"inappropriate (?:for me|to)",
    r"my (?:training data|programming|guidelines|knowledge cut-?off|developers|creators)",
    (
        r"(?:trained|programmed|designed|created|built|made|here) (?:not )?to (?:be|help|assist"
        r"|provide|express|inform|remain|stay|avoid|not)\b(?=.*\b(?:neutral|not|harmless|helpful|unbiased"
        r"|but i|express)\b)"
    ),
    (
        r"i(?:'m| am)?(?: must| aim to| try to| strive to| have to| will| should)?"
        r" (?:remain|stay|be) (?:neutral|impartial|unbiased|objective|out of)"
    ),
    r"i am (?:neutral|impartial|unbiased|objective)|i'm (?:neutral|impartial|unbiased|objective)",
    r"(?:must|have to|need to) (?:remain|stay|be) (?:neutral|impartial|unbiased|objective)",
    r"provid(?:e|ing) (?:\w+ and )?(?:balanced|unbiased|neutral|objective|impartial)",
    r"(?:would|'d) (?:rather not|prefer not to|prefer to stay out)",
    r"no comment",
    r"i (?:do not|don't) have (?:personal|human|feelings|a (?:body|soul|mouth))",
    r"my (?:purpose|role|job|goal) is (?:\w+ )?to (?:provide|help|inform|assist|give|offer)",
)
# Hedges: what is said by someone who does not want to choose.
_HEDGES = (
    r"it (?:really |all )?depends",
    r"(?:depends|depending) on",
    r"(?:complex|complicated|multifaceted|nuanced|controversial|subjective|sensitive|debated)",
    r"(?:pros and cons|on the one hand|on the other hand)",
    r"matter of (?:personal )?(?:taste|preference|opinion|debate)",
    r"there (?:is|are) (?:no (?:one|single|definitive|clear)|many|several|various|numerous)",
    r"var(?:y|ies) (?:from|widely|greatly|depending|between)",
    r"(?:some|many|others) (?:people )?(?:may|might|would|believe|argue|say|think|consider|like)",
    r"(?:ultimately|up to you|on your own values)",
)
# Verdicts, all in the first sentence: how one opens with a choice, and words that judge.
_OPENINGS = (
    r"yes|no|nope|yeah|sure|never|always|neither|both|none|nobody|everyone|because|not|only|mostly",
    r"honestly|easy|absolutely|definitely|probably|hardly|of course|team|sorry, but|nothing|fewer",
    r"the ones? (?:where|with|that|who|in)",
    r"(?:don't|do|go|get|keep|give|stop|burn|buy|skip|take|eat|quit|ban|tell|let|leave|try)\b",
)
_JUDGEMENTS = (
    r"easily|hands down|no contest|every (?:single )?time|not close|overrated|underrated",
    r"best|worst|better|worse|great(?:est)?|terrible|awful|boring|stupid|useless|ridiculous|dumb",
    r"wrong|right|wins?|loses?|scam|broken|mess|should|shouldn't|deserves?|fun|funny|bad|good|fine",
    r"hate|hates|love|loving|prefer|i'd|i think|i like|i believe|i have opinions|problem",
    r"favou?rite",
    r"beats?|crime|theft|disgrace|perfect|decoration|ruined|lies?|proud|trust|forever|joy|enough",
    r"can't (?:stand|help|wait|believe)|cannot (?:stand|wait|believe)|won't|i do have|i say|worth",
    r"no patience|no time|have time|beautiful|ugly|hell|garbage|trash|delicious|disgusting|waste",
    r"my (?:opinion|take|view|vote|favou?rite|pick)|again",
)
_SENTENCE = re.compile(r".+?(?:[.!?](?=\s|$)|$)")
_FEW_WORDS = 4


def _anywhere(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})(?!\w)")


_DISCLAIMER = _anywhere(_DISCLAIMERS)
_HEDGE = _anywhere(_HEDGES)
_JUDGEMENT = _anywhere(_JUDGEMENTS)
_OPENING = re.compile(rf"(?:{'|'.join(_OPENINGS)})\b")


def has_disclaimer(answer: str) -> bool:
    """Whether the answer hides behind being a machine, refuses, or lectures."""
    return _DISCLAIMER.search(_flat(answer)) is not None


def takes_position(answer: str) -> bool:
    """Whether the answer opens with a verdict or a bare choice, without any hedge or disclaimer.

    A bare choice is a first sentence of at most four words: "Python." or "The bear."
    """
    flat = _flat(answer)
    if not flat or _DISCLAIMER.search(flat) or _HEDGE.search(flat):
        return False
    first = _SENTENCE.findall(flat)[0]
    if first.endswith("?") and len(_SENTENCE.findall(flat)) == 1:
        return False
    is_choice = len(first.split()) <= _FEW_WORDS and not first.endswith("?")
    return bool(is_choice or _OPENING.match(first) or _JUDGEMENT.search(first))


def _flat(answer: str) -> str:
    return " ".join(answer.replace("’", "'").casefold().split())
