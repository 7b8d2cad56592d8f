"""English words that say nothing by themselves, for people who look at an explanation."""

from typing import Final

_LISTED: Final = """
    a an the this that these those there here
    i me my mine myself you your yours yourself he him his himself she her hers herself
    it its itself we us our ours ourselves they them their theirs themselves one
    who whom whose which what when where how
    am is are was were be been being im ive id ill youre youve hes shes theyre weve thats theres
    have has had having do does did doing will would shall should can could may might must
    and or but nor so if then than as because while though although
    of at by for with about between into through during before after above below to from up down
    in out on off over under again upon within
    all any both each some such same own other also just
"""

FUNCTION_WORDS: Final = frozenset(_LISTED.split())
"""As `sentiment_core.cleaning.tokenize` writes them. Negations and degrees (``not``, ``very``) are
not among them: those do say something. The model uses them all; only explanations pass them over.
"""
