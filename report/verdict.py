"""What the study says of its hypothesis, in words: from the intervals of the pairs that were run."""

from __future__ import annotations

from collections import Counter

from pre_processing.emotions import EMOTIONS
from report.numbers import DASH, PERCENT, count, listing, percent, span
from report.tables import PAIRS, is_run
from training.hypothesis import BETTER, CONTRADICTED, SUPPORTED, UNDECIDED, UNDEFINED, WORSE

FORMER, LATTER = listing(list(BETTER)), listing(list(WORSE))
# Readings of masked faces by people (Rinck et al. 2022): what an emotion is taken for.
TAKEN_BY_PEOPLE = {"Disgust": "Angry", "Fear": "Surprise", "Sad": "Neutral"}


def all_of(study: dict) -> dict[str, str]:
    """Every sentence by name."""
    parts = (verdict, short, exceptions, kept, disgust, answered, people, order)
    return {part.__name__: part(study) for part in parts}


def pairs_of(study: dict) -> list[str]:
    """Pairs of conditions that were run."""
    return [pair for pair in PAIRS if is_run(study["costs"][pair])]


def verdict(study: dict) -> str:
    """Both readings of the hypothesis, all seven emotions."""
    if not pairs_of(study):
        return plain(study)
    absolute = (
        f"That behind masks {FORMER} are on average recognised better than {LATTER} is {_in_pairs(study, 'absolute')}"
    )
    bare = listing([percent(study["costs"][pair]["groups"]["all"]["bare"]["value"]) for pair in pairs_of(study)])
    drop = f"That a mask takes less from the former than from the latter is {_in_pairs(study, 'drop')}."
    return f"{plain(study)} {absolute}; on bare faces the same difference is already {bare}. {drop} {in_d_prime(study)}"


def short(study: dict) -> str:
    """The verdict and how far the four lead, behind masks and on bare faces."""
    pairs = pairs_of(study)
    if not pairs:
        return plain(study)
    lead = {
        side: listing([percent(study["costs"][pair]["groups"]["all"][side]["value"]) for pair in pairs])
        for side in ("absolute", "bare")
    }
    return f"{plain(study)} Behind masks they lead by {lead['absolute']} points of mean recall ({listing([PAIRS[pair] for pair in pairs])}), on bare faces by {lead['bare']}."


def plain(study: dict) -> str:
    """The verdict in a sentence: as a difference of means, and as something that masks do."""
    if not pairs_of(study):
        return "The hypothesis is not decided: no pair of conditions has been run."
    said = {
        reading: {study["verdict"][pair][reading]["all"] for pair in pairs_of(study)}
        for reading in ("absolute", "drop")
    }
    ranks, takes = (said[reading] == {SUPPORTED} for reading in ("absolute", "drop"))
    if ranks and takes:
        return "The hypothesis holds: behind masks the four emotions are on average recognised better, by recall, and a mask takes less from them."
    if ranks and SUPPORTED not in said["drop"]:
        always = all(study["costs"][pair]["groups"]["all"]["bare"]["ci95"][0] > 0 for pair in pairs_of(study))
        where = "with masks as without them" if always else "behind masks"
        return (f"The hypothesis holds in one sense only: the four emotions are on average recognised better than the three, by recall, {where}; "
                "that a mask takes less from them is not supported.")  # fmt: skip
    if SUPPORTED not in said["absolute"] | said["drop"]:
        return "The hypothesis is not supported."
    return "The hypothesis is supported in part."


def _in_pairs(study: dict, reading: str) -> str:
    """`supported (difference in points: shift 35.4, 31.1–39.0)` and its like, pairs with one verdict together."""
    by_word: dict[str, list[str]] = {}
    for pair in pairs_of(study):
        gap = study["costs"][pair]["groups"]["all"][reading]
        figure = f"{PAIRS[pair]} {percent(gap['value'])}, {span(gap['ci95'])}"
        by_word.setdefault(study["verdict"][pair][reading]["all"], []).append(figure)
    return listing([f"{word} (difference in points: {'; '.join(figures)})" for word, figures in by_word.items()])


def in_d_prime(study: dict) -> str:
    """The same by the measure that discounts response bias, as counts of pairs."""

    def counts(reading: str) -> str:
        found = Counter(study["verdict"][pair]["d_prime"][reading]["all"] for pair in pairs_of(study))
        return listing(
            [f"{word} in {found[word]}" for word in (SUPPORTED, CONTRADICTED, UNDECIDED, UNDEFINED) if found[word]]
        )

    number = len(pairs_of(study))
    return (f"In d′, which response bias touches less, the first is {counts('absolute')} of {number} and the second {counts('drop')} of "
            f"{number} pairs.")  # fmt: skip


def exceptions(study: dict) -> str:
    """Which of the four are behind masks no better than one of the three, by pair."""
    said = []
    for pair in pairs_of(study):
        recall = {name: part["masked"]["value"] for name, part in study["costs"][pair]["recall"].items()}
        known = {name: value for name, value in recall.items() if value is not None}
        above = max((name for name in WORSE if name in known), key=lambda name: known[name], default=None)
        below = [name for name in BETTER if above and name in known and known[name] <= known[above]]
        if below:
            figures = listing([f"{name} ({percent(known[name])}{PERCENT})" for name in below])
            said.append(
                f"in the pair “{PAIRS[pair]}” {figures} {'lies' if len(below) == 1 else 'lie'} below {above} ({percent(known[above])}{PERCENT})"
            )
    return f"This is about means: {listing(said)}." if said else ""


def kept(study: dict) -> str:
    """Shares of their bare recall that both groups keep; points that a mask takes are bounded by what there is to take."""
    said = []
    for pair in pairs_of(study):
        recall = study["costs"][pair]["recall"]
        shares = []
        for group in (BETTER, WORSE):
            bare, masked = (sum(recall[name][side]["value"] or 0 for name in group) for side in ("bare", "masked"))
            shares.append(f"{percent(masked / bare, 0)}{PERCENT}" if bare else DASH)
        said.append(f"{' against '.join(shares)} ({PAIRS[pair]})")
    if not said:
        return ""
    return (
        f"Who has little recall on bare faces can lose few points; of what they have, the former keep {listing(said)}."
    )


def disgust(study: dict) -> str:
    """Whether leaving disgust out changes a verdict."""
    changed = []
    for pair in pairs_of(study):
        found = study["verdict"][pair]
        for said, measure in ((found, ""), (found["d_prime"], " in d′")):
            for reading, name in (("absolute", "recognised better"), ("drop", "losing less")):
                if said[reading]["all"] not in (said[reading]["without_disgust"], UNDEFINED):
                    changed.append(
                        f"“{name}”{measure} from {said[reading]['all']} to {said[reading]['without_disgust']} ({PAIRS[pair]})"
                    )
    if not pairs_of(study):
        return ""
    return (
        f"Without disgust the verdict changes for {listing(changed)}."
        if changed
        else "Without disgust no verdict changes."
    )


def answered(study: dict) -> str:
    """What a network that never saw a mask falls back on."""
    part = study["costs"]["shift"]
    if not is_run(part):
        return ""
    cell = next(cell for cell in study["cells"] if cell["id"] == part["masked"][0])
    confusion = cell["confusion"]
    answers = {name: sum(row[code] for row in confusion) for code, name in enumerate(EMOTIONS)}
    most = max(answers, key=answers.__getitem__)
    right = confusion[EMOTIONS.index(most)][EMOTIONS.index(most)]
    never = [name for name, number in answers.items() if not number]
    text = (f"Behind masks a network that never saw one answers {most} for {count(answers[most])} of {count(cell['n'])} faces, of which "
            f"{percent(right / answers[most], 0)}{PERCENT} show it")  # fmt: skip
    return f"{text}, and never {listing(never)}." if never else f"{text}."


def people(study: dict) -> str:
    """Whether the networks take emotions for what people take them for, behind masks and without."""
    part = next(
        (study["costs"][pair] for pair in ("information", "both", "shift") if is_run(study["costs"][pair])), None
    )
    if part is None:
        return "Whether the networks err as people do cannot be said yet."
    by_id = {cell["id"]: cell["confusion"] for cell in study["cells"] if is_run(cell)}
    masked, bare = (by_id[part[side][0]] for side in ("masked", "bare"))
    same, others = [], []
    for emotion, answer in TAKEN_BY_PEOPLE.items():
        code = EMOTIONS.index(emotion)
        wrong = {name: masked[code][place] for place, name in enumerate(EMOTIONS) if name != emotion}
        most = max(wrong, key=wrong.__getitem__)
        if wrong[most]:
            before = bare[code][EMOTIONS.index(most)]
            text = f"{emotion} for {most} ({wrong[most]} of {sum(masked[code])} faces behind masks, {before} bare)"
            (same if most == answer else others).append(text)
    said = [f"like people, the network takes {listing(same)}"] if same else []
    said += [f"unlike people, it takes {listing(others)}"] if others else []
    text = "; ".join(said) or "the network takes no face of these emotions for another"
    return f"{text[0].upper()}{text[1:]}."


def order(study: dict) -> str:
    """Emotions by what a mask takes from them, where networks were trained for it."""
    part = study["costs"]["information"]
    if not is_run(part):
        return ""
    drops = {name: side["drop"]["value"] for name, side in part["recall"].items() if side["drop"]["value"] is not None}
    ranked = sorted(drops, key=lambda name: -drops[name])
    return f"In the pair “information” the order of loss, by point estimates, is {listing([f'{name} ({percent(drops[name])} points)' for name in ranked])}."
