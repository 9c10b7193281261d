"""A classifier of phrases: does an answer hide behind being a machine, does it take a position?

It looks only for the phrases below, in lower case with straight apostrophes. It knows nothing of
meaning, so its counts go beside the answers themselves, never in their place.
"""

import re

# Disclaimers: what a stock assistant says instead of an opinion.
_HAVE = r"(?:have|having|hold|form|forming|express|expressing|give|provide|possess|share|offer)"
_OWN = r"(?: any| my| a| own| personal| real| human)*"
_VIEWS = r"(?:opinions?|beliefs?|feelings?|preferences?|views?|emotions?|thoughts|experiences?)"
_MACHINE = r"(?:ai|artificial|language model|virtual|computer|digital|machine|program|assistant)"
_CANNOT = r"(?:don't|do not|can't|cannot|can not|unable to|not able to|not capable of)"
_WEIGHTY = r"(?:it is|it's) (?:also )?(?:important|essential|crucial|worth)"
_DISCLAIMERS = (
    rf"as an? (?:large |helpful |virtual )*(?:{_MACHINE}|chat ?bot|bot)",
    r"i(?:'m| am) an? (?:helpful |large |virtual )*(?:ai|artificial|language model|assistant)",
    rf"i(?:'m| am) (?:just|only|merely|simply) an? (?:helpful |large |mere )*{_MACHINE}",
    rf"{_CANNOT}(?: really| actually)? {_HAVE}{_OWN} {_VIEWS}",
    rf"(?:no|without|lack) (?:any )?personal {_VIEWS}",
    r"i (?:don't|do not) have (?:personal|human)",
    rf"{_WEIGHTY} (?:to )?(?:note|noting|remember|recognize|consider|acknowledge|understand)",
    r"i(?:'m| am) not (?:able|allowed|programmed|capable|equipped|designed)",
    r"i (?:can't|cannot|can not) (?:provide|take sides|answer that|offer|give you)",
    r"my (?:training data|programming|knowledge cut-?off|developers|creators)",
    r"(?:remain|stay|i am|i'm) (?:neutral|impartial|unbiased|objective)",
)
# Hedges: what is said by someone who does not want to choose.
_HEDGES = (
    r"it (?:really |all )?depends",
    r"(?:depends|depending) on",
    r"(?:complex|complicated|multifaceted|nuanced|controversial|subjective|sensitive|debated)",
    r"(?:both sides|pros and cons|on the one hand|on the other hand)",
    r"matter of (?:personal )?(?:taste|preference|opinion|debate)",
    r"there (?:is|are) (?:no (?:one|single|definitive|clear)|many|several|various|numerous)",
    r"var(?:y|ies) (?:from|widely|greatly|depending|between)",
    r"(?:some|many|others) (?:people )?(?:may|might|would|believe|argue|say|think|consider)",
    r"(?:ultimately|up to you|on your own values)",
)
# Verdicts, all in the first sentence: how one opens with a choice, and words that judge.
_OPENINGS = (
    r"yes|no|nope|yeah|sure|never|always|neither|both|none|nobody|everyone|because|not|only|mostly",
    r"honestly|easy|absolutely|definitely|probably|hardly|of course|team",
    r"the ones? (?:where|with|that|who|in)",
)
_JUDGEMENTS = (
    r"easily|hands down|no contest|every time|not close|overrated|underrated|favou?rite",
    r"best|worst|better|worse|great|greatest|terrible|awful|boring|stupid|useless|ridiculous",
    r"wrong|right|wins?|loses?|scam|broken|mess|should|shouldn't|deserves?|fun|funny|bad|good",
    r"hate|love|prefer|i'd|i think|i like|i believe|i have opinions|problem",
)
_SENTENCE = re.compile(r".+?(?:[.!?](?=\s|$)|$)")
_FEW_WORDS = 4


def _anywhere(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b")


_DISCLAIMER = _anywhere(_DISCLAIMERS)
_HEDGE = _anywhere(_HEDGES)
_JUDGEMENT = _anywhere(_JUDGEMENTS)
_OPENING = re.compile(rf"(?:{'|'.join(_OPENINGS)})\b")


def has_disclaimer(answer: str) -> bool:
    """Whether the answer hides behind being a machine, or lectures instead of answering."""
    return _DISCLAIMER.search(_flat(answer)) is not None


def takes_position(answer: str) -> bool:
    """Whether the answer opens with a verdict or a bare choice, without any hedge or disclaimer.

    A bare choice is a first sentence of at most four words: "Python." or "The bear."
    """
    flat = _flat(answer)
    if not flat or _DISCLAIMER.search(flat) or _HEDGE.search(flat):
        return False
    first = _SENTENCE.findall(flat)[0]
    is_choice = len(first.split()) <= _FEW_WORDS and not first.endswith("?")
    return bool(is_choice or _OPENING.match(first) or _JUDGEMENT.search(first))


def _flat(answer: str) -> str:
    return " ".join(answer.replace("’", "'").casefold().split())
