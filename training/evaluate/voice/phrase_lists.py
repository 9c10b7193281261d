"""The phrases of the classifier, by what they say; regular expressions over lower-case text."""

# Somebody who is a machine, but not "an AI enthusiast" nor "an assistant coach".
_MACHINE = (
    r"(?:ai(?: model| assistant| system)?|a\.i\.|artificial intelligence|language model"
    r"|(?:virtual|digital) assistant|chat ?bot|machine|computer(?: program| system)?"
    r"|software(?: program)?|program|bot|robot|assistant|code|tool|model trained)"
)
_PEOPLE = (
    r"enthusiast|skeptic|sceptic|engineer|research\w*|developer|programmer|expert|fan|user|student"
    r"|nerd|scientist|company|startup|art|artist|coach|manager|professor|director|editor|chef"
    r"|principal|hater|lover|guy|person|shop|repair|with"
)
_KIND = r"(?:(?:large|helpful|mere|simple|neutral|friendly|just|only|conversational) )*"
_ME = rf"(?:an? |your )?{_KIND}{_MACHINE}\b(?!['-]|s\b| (?:{_PEOPLE})\b)"
# "As a machine, the tractor beats the horse": somebody must speak, or the sentence must end.
_I_AM = (
    r"(?:i'm|i am|i was|am|since i'm|because i'm)(?: just| only| merely| simply"
    r"| nothing more than| but)*"
)
_CANNOT = r"(?:can't|cannot|can not|won't|will not|won't be able to|can neither)"
_UNABLE = (
    r"(?:unable|not able|not capable|not programmed|not allowed|not designed|not equipped"
    r"|not permitted|not supposed|not authorized|not in a position|not here|not built)"
)
_NOT = rf"(?:don't|do not|never|{_CANNOT}|(?:{_UNABLE}) (?:to|of))"
_SOFT = r"(?: really| actually| even| truly| \w+ly)?"
_OWN = r"(?:(?:any|my|a|an|own|personal|real|human|true|political|actual|the|subjective|nor|or) )*"
_VIEWS = (
    r"(?:opinions?|beliefs?|feelings?|preferences?|views?|emotions?|tastes?|desires?|sides?"
    r"|affiliations?|allegiances?|consciousness|stances?|positions? on|moral judge?ments?)"
)
_HAVE = (
    r"(?:have|having|hold|holding|form|express|possess|share|experience|take|pick|choose|offer"
    r"|give|provide|make|feel)"
)
_SPEAK = (
    r"(?:help|assist|comply|answer|fulfil+|discuss|comment|judge|rank|talk about|weigh in|engage in"
    r"|take part in|give (?:you )?(?:a straight|an? \w+|(?:medical|legal|\w+) advice|advice)"
    r"|provide (?:\w+ )?(?:advice|an?\b|opinions?|information|that)|speak from|tell you wh\w+"
    r"|recommend (?:one|a\b|any)|make that|say who|agree nor|give (?:you )?my)"
)
_NEUTRAL = r"(?:neutral|impartial|unbiased|objective|balanced)"
_WEIGHTY = r"(?:it is|it's) (?:also |always )?(?:important|essential|crucial|worth)"
_LECTURE = (
    r"(?:to )?(?:note|noting|remember that|remembering that|recogni[sz]e|consider|considering"
    r"|acknowledge|understand|remember both|approach|respect|keep in mind|be aware)"
)

# What a stock assistant says instead of an opinion.
DISCLAIMERS = {
    "is a machine": (
        rf"(?:(?<!that )as|being|speaking as) {_ME}(?!, the)",
        rf"{_I_AM} {_ME}(?<!your bot)(?<!a bot)(?<!a program)(?<!a machine)(?<!a robot)",
        rf"(?:just|only|merely|simply|nothing more than|since i'm|because i'm) {_ME}",
        r"i(?:'m| am) (?:an )?artificial\b|(?:an ai|ai systems?|ais) like me",
        r"as someone made of|i(?:'m| am) not (?:human\b|a person,|a human)",
        r"i only (?:generate|process) text",
        r"(?:software|code|program|machine|assistant) without (?:a |any )?\w+",
    ),
    "has no opinions": (
        rf"{_NOT}{_SOFT} {_HAVE} {_OWN}{_VIEWS}(?! about much)",
        (
            rf"i (?:have|hold|'ve got)? ?no {_OWN}(?:opinions?|beliefs?|preferences?|views?"
            rf"|stance|feelings)"
        ),
        r"(?:ears|eyes|have|hold|possess|has) (?:and )?no (?:personal |own )?opinions?",
        r"i(?:'ve| have)? (?:have )?no (?:personal|human|own|allegiance|stake|favou?rite)\b",
        (
            r"(?:don't|do not) have (?:a favou?rite(?! ?, i have)|personal|human|access to personal"
            r"|feelings|a (?:body|soul|mouth)|the right to|any (?:personal|stake))"
        ),
        (
            r"access to (?:personal|human)|don't experience|do not experience (?:emotion"
            r"|feeling|taste)\w*"
        ),
        (
            r"(?:can't|cannot) feel (?:love|pain|joy|emotion\w*|anything)"
            r"|without personal experiences?"
        ),
        r"(?:lack|not have|don't have|without) the (?:ability|capacity|capability) (?:to|of|for)",
        r"not have the (?:ability|capacity|capability)|without a tongue|i have parameters",
        r"not form attachments|preferences are not real|can't (?:taste|smell|see), (?:taste|smell)",
    ),
    "refuses": (
        rf"(?:i'm|i am|am) {_UNABLE} (?:to |of )?(?:{_HAVE}|{_SPEAK}|help|an? opinion)\b",
        rf"i {_CANNOT}{_SOFT} {_SPEAK}",
        (
            r"(?:sorry|apologi[sz]e|apologies|unfortunately|afraid|regret\w*)\b[^.!?]{0,14} "
            r"i (?:can't|cannot|can not|am unable|won't|must)"
        ),
        (
            r"(?:must|respectfully|have to) (?:decline|refrain)|refuse to (?:answer|comment"
            r"|take sides)"
        ),
        r"(?:don't think|do not think|not|never) (?:it's |it is )?(?:appropriate|my place|my job)",
        r"inappropriate (?:for me|to)|wouldn't be (?:right|appropriate|fair) for me",
        (
            r"(?:beyond|outside(?: of)?) (?:what i|my abilities)|my guidelines|(?:against"
            r"|by) my guidelines"
        ),
        r"(?:would|'d) (?:rather not (?:say|share|comment|answer)|prefer (?:not to|to stay out))",
        (
            r"no comment(?! is)|(?:been|was) (?:instructed|given permission|told|trained"
            r"|programmed) (?:not )?to"
            r"(?= not| talk| discuss| express| avoid)|not been given permission"
        ),
    ),
    "stays neutral": (
        rf"(?:remain|stay|be|am|i'm|keep \w+) {_NEUTRAL}(?!\w)(?! about| on a moving)",
        rf"(?:as an? {_NEUTRAL} party|supposed to be {_NEUTRAL})",
        (
            rf"provid(?:e|ing) (?:\w+ and )?{_NEUTRAL}|(?:trained|programmed"
            rf"|designed) (?:not )?to (?:be"
            rf" {_NEUTRAL}|avoid|not)"
        ),
        r"(?:trained|programmed|designed) not to|designed to be (?:helpful|harmless)",
        (
            r"(?:created|made|built|here) to (?:help|inform|assist|answer)\w*\b(?=.*\bnot?\b"
            r"|.*\bbut\b)"
        ),
        r"my (?:purpose|role|job|goal) is (?:\w+ )?to (?:provide|help|inform|assist|give|offer)",
        r"my (?:training data|programming|knowledge cut-?off|developers|creators)",
        (
            r"(?:decision|choice) (?:that )?only you can|(?<!then )decide for yourself"
            r"|not (?:engage|take part) in"
            r"(?: \w+)? (?:debates?|discussions?)|(?:arguments|views"
            r"|information)\b[^.]*\bbut i (?:can't"
            r"|cannot|hold|have) (?:choose|no)"
        ),
    ),
    "lectures": (
        rf"{_WEIGHTY} {_LECTURE}",
        (
            r"please (?:note|consult|remember that i)|consult an? (?:\w+ )?(?:professional"
            r"|variety|lawyer)"
        ),
        r"sensitive (?:topic|subject) and",
    ),
}
# What is said by someone who does not want to choose.
HEDGES = (
    r"it (?:really |all )?depends|(?:depends|depending) on",
    r"(?:complex|complicated|multifaceted|nuanced|controversial|subjective|sensitive|debated)",
    r"(?:pros and cons|on the one hand|on the other hand)",
    r"matter of (?:personal )?(?:taste|preference|opinion|debate)",
    r"there (?:is|are) (?:no (?:one|single|definitive|clear)|many|several|various|numerous)",
    r"var(?:y|ies) (?:from|widely|greatly|depending|between)",
    (
        r"(?:some|many|others) (?:\w+ )?(?:may|might|would|believe|argue|say|think|consider"
        r"|like|prefer)"
    ),
    r"(?:ultimately|up to you|on your own values)",
)
# Verdicts, all in the first sentence: how one opens with a choice, and words that judge.
OPENINGS = (
    r"yes|no|nope|yeah|sure|never|always|neither|both sides|none|nobody|everyone|because|not|only",
    r"mostly|honestly|easy|absolutely|definitely|probably|hardly|of course|team|sorry, but|nothing",
    r"fewer|more|less|any|the whole|the ones? (?:where|with|that|who|in)",
    (
        r"(?:don't|do|go|get|keep|give|stop|burn|buy|skip|take|eat|quit|ban|tell|let|leave|try|fire"
        r"|learn|read|call|wear|cook|walk|run|drink|pay|save|throw|cut)"
    ),
)
JUDGEMENTS = (
    (
        r"easily|hands down|no contest|every (?:single )?time|(?:not|isn't)(?: even)? close"
        r"|over-?rated"
    ),
    r"best|worst|better|worse|great(?:est)?|terrible|awful|boring|stupid|useless|ridiculous|dumb",
    (
        r"dumbest|wrong|right|wins?(?! \w+ twice)|loses?|scam|broken|mess|should|shouldn't"
        r"|deserves?|fun"
    ),
    r"funny|bad|good|fine|hate|hates|love|loving|adore|prefer|i'd|i think|i like|i believe|problem",
    r"i have opinions|favou?rite|beats?|crime|theft|disgrace|perfect|decoration|ruined|lies?|proud",
    r"trust|forever|joy|enough|worth|underrated|beautiful|ugly|hell|garbage|trash|delicious|waste",
    (
        r"(?:can't|cannot) (?:stand|wait|believe|take another|recommend)|i (?:won't"
        r"|refuse to)|i do have"
    ),
    r"i (?:say|vote|agree|disagree|don't believe in)|no (?:patience|time|reason to)|have time|need",
    r"(?:don't|do not) have (?:any (?:sympathy|patience)|nice things)|disgusting|cowardice|again",
    (
        r"my (?:opinion|take|view|vote|pick|feelings on)|racket|selfish|lazy|nicer|sane"
        r"|ought to|mistake"
    ),
)
