"""Whether what stands beside a value denies it: "not waterproof", "BPA-free", "Waterproof: no"."""

from collections.abc import Sequence

from models.grounding.tokens import TextToken


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NOT = _words("""
not never without neither nor cannot dont doesnt isnt arent wasnt werent wont cant lacks lacking minus except excluding excl
excludes nicht kein keine keinen keiner keinem keines ohne nie niemals weder pas sans aucun aucune jamais ni sin ningun ningún
ninguna nunca jamás senza nessun nessuna mai niet geen zonder nooit não nao sem nenhum nenhuma bez nikdy není не без нет ни
inte utan aldrig ikke uten uden aldri tanpa tidak bukan không δεν χωρίς غير بدون ليس ללא לא בלי बिना नहीं
""")
"""Words that deny what follows them."""
_ANSWERS = _words("no non none nope nein nei nej нет false x ✗ ✘ ❌ ✖ 🚫 ⛔")
"""Words that answer a question with no; `no` and `non` deny what follows as well."""
_NO = _ANSWERS | {"not", "n"}
_NOT_BEFORE = _words("x false")
_SINGLE_BEFORE = frozenset("不没沒无無非未否")
"""Characters that deny what is written right behind them."""
_BEHIND = (
    *("-free", "-frei", "-less"),
    *(
        "ではない",
        "ではあり",
        "でない",
        "じゃない",
        "なし",
        "無し",
        "不可",
        "非対応",
        "아님",
        "아닌",
        "아니",
        "안됨",
    ),
)
"""What denies the word that it is written to."""
_FILLERS = _words("""
a an the any it this that they be been is are was were really very quite truly fully completely entirely totally 100 % necessarily yet always at all
actually longer contain contains containing include includes including come comes with have has feature features support
supports offer offers provide provides require requires need needs use uses using made of from for in to as suitable compatible
recommended intended designed meant available considered ein eine einen einer einem der die das den dem für vollständig völlig
ganz wirklich sehr immer geeignet aus mit enthält un une de d du des la le les l totalement entièrement complètement vraiment
très à pour en est contient es está una el los las totalmente completamente muy con para è uno il lo per di molto é um uma o os
com muito het een voor van volledig
""")
"""Words that may stand between a denial and what it denies."""
_FREE, _OF = _words("free frei exempt libre libero"), _words("of from von de d da di")
_GIVEN_FREE = _words("""
shipping ship delivery postage returns return gift gifts trial sample samples download size installation setup support updates
worldwide of from for with to when on in and or at by as the your a case bag next
""")
"""What is free of charge where it follows `free`: "shirt free shipping" does not deny the shirt, "sugar free gum" does the sugar."""
_MOST_FILLERS = 4
_OR = _words("or nor oder noch ou ni o eller или ani")
_WORDS_BEFORE_OR = 2
_WITH_OR = (["with", "or"], ["mit", "oder"], ["avec", "ou"], ["con", "o"])
_DONE = _words("""
included supplied provided required needed supported guaranteed possible recommended available allowed permitted contained
present enthalten inklusive inbegriffen erforderlich möglich inclus inclue fourni incluido incluida incluidos
""")
_OUT = _words("excluded unavailable unsupported")
_IS = _words("is are was were be does do will ist sind est sont es son")
_ENDS = frozenset(".,;:!?()[]{}|•·…。、।")


def is_denied(text: str, tokens: Sequence[TextToken], start: int, end: int) -> bool:
    """Whether the words beside `tokens[start:end]` of a plain text say that it is not so."""
    return _before(text, tokens, start) or _after(text, tokens, end)


def _before(text: str, tokens: Sequence[TextToken], start: int) -> bool:
    at, fillers = start - 1, 0
    if at >= 0 and tokens[at].word in _SINGLE_BEFORE and tokens[at].end == tokens[start].start:
        return True
    while at >= 0 and fillers <= _MOST_FILLERS and not _ends(text, tokens[at], tokens[at + 1]):
        if _denies(text, tokens, at, is_number=tokens[start].is_number):
            return True
        if tokens[at].word in _OR and _before_or(text, tokens, at):
            return True
        if tokens[at].word not in _FILLERS:
            return False
        at, fillers = at - 1, fillers + 1
    return False


def _denies(text: str, tokens: Sequence[TextToken], at: int, *, is_number: bool) -> bool:
    """Whether a token denies what follows: not `without` of "with or without", not `no` of "no 5"."""
    word, before = tokens[at].word, [one.word for one in tokens[max(0, at - 2) : at]]
    if word in _OF and before[-1:] and before[-1] in _FREE:
        return True
    if word in _ANSWERS:
        is_answer = "\n" in text[tokens[at].end : tokens[at + 1].start]
        return word not in _NOT_BEFORE and not is_answer and not (is_number and word in ("no", "non"))
    return word in _NOT and before not in _WITH_OR


def _before_or(text: str, tokens: Sequence[TextToken], at: int) -> bool:
    """Whether `or` at this place joins what follows to something that is denied."""
    for back in range(1, _WORDS_BEFORE_OR + 1):
        first = at - back
        if first < 0 or _ends(text, tokens[first], tokens[first + 1]):
            return False
        if tokens[first].word not in _FILLERS | _OR and _before(text, tokens, first):
            return True
    return False


def _after(text: str, tokens: Sequence[TextToken], end: int) -> bool:
    """Whether what follows denies: `-free`, `: no`, `not included`, and the endings of languages that put it there."""
    behind = tokens[end - 1].end
    if text.startswith(_BEHIND, behind) or text.startswith(" değil", behind):
        return True
    at = end + 1 if end < len(tokens) and tokens[end].word == "=" else end
    if at >= len(tokens):
        return False
    gap, word = text[behind : tokens[at].start], tokens[at].word
    if word == "free" and _is_without(text, tokens, at, gap):
        return True
    if _is_last(text, tokens, at):
        is_sign = not word.isalpha() and "\n" not in gap
        return (word in _NO and (is_sign or _asks(gap, word))) or (word in _OUT and not gap.strip())
    return not gap.strip() and _is_left_out([one.word for one in tokens[end : end + 3]])


def _is_without(text: str, tokens: Sequence[TextToken], at: int, gap: str) -> bool:
    """Whether `free` right behind a value says that there is none of it, as in "sugar free gum"."""
    is_next = not gap.strip() and "\n" not in gap
    return is_next and (_is_last(text, tokens, at) or tokens[at + 1].word not in _GIVEN_FREE)


def _is_left_out(words: Sequence[str]) -> bool:
    """Whether the words behind a value say that it is not there: `not included`, `is not supplied`, `is unavailable`."""
    words = words[1:] if words[0] in _IS else words[:2]
    return bool(words) and (words[0] in _OUT or (len(words) > 1 and words[0] in _NOT and words[1] in _DONE))


def _asks(gap: str, word: str) -> bool:
    """Whether a word answers behind a gap: a colon, a bar, a question mark, a dash on its own; the end of the line, before a whole word."""
    asked = gap.strip(" \n|\t\"'*") in (":", "?", "-", "(", "=", "")
    return asked and "\n\n" not in gap and bool(gap.strip(" " if word in _ANSWERS - {"x"} else " \n"))


def _is_last(text: str, tokens: Sequence[TextToken], at: int) -> bool:
    """Whether a clause ends behind a token."""
    following = text[tokens[at].end : tokens[at + 1].start if at + 1 < len(tokens) else None]
    return (
        at + 1 >= len(tokens)
        or "\n" in following
        or bool(_ENDS & set(following))
        or tokens[at + 1].word == "/"
    )


def _ends(text: str, one: TextToken, other: TextToken) -> bool:
    """Whether a clause ends between two neighbours. A line may break behind a denial, an answer ends with its line."""
    gap = text[one.end : other.start]
    if "\n" in gap and (gap.count("\n") > 1 or one.word not in _NOT):
        return True
    return bool(_ENDS & set(gap)) or (len(gap) > 1 and gap.strip() == "-")
