"""What the study says of its hypothesis, in words: from the intervals of the pairs that were run."""

from __future__ import annotations

from collections import Counter

from pre_processing.emotions import EMOTIONS
from report.numbers import DASH, PERCENT, count, listing, percent, plural, span
from report.tables import PAIRS, is_run
from training.hypothesis import BETTER, CONTRADICTED, GROUPS, SUPPORTED, UNDECIDED, UNDEFINED, WORSE

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
    return f"{plain(study)} Behind masks they lead by {lead['absolute']} points of mean recall ({listing([PAIRS[pair] for pair in pairs])}), on bare faces by {lead['bare']}. {in_d_prime(study)}"


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
    """The same by the measure that discounts response bias, as counts of pairs, with and without Disgust."""

    def counts(reading: str, group: str) -> str:
        found = Counter(study["verdict"][pair]["d_prime"][reading][group] for pair in pairs_of(study))
        return listing(
            [f"{word} in {found[word]}" for word in (SUPPORTED, CONTRADICTED, UNDECIDED, UNDEFINED) if found[word]]
        )

    first, second = (
        f"{counts(reading, 'all')} (without Disgust {counts(reading, 'without_disgust')})"
        for reading in ("absolute", "drop")
    )
    return (f"By d′, which response bias touches less, of {plural(len(pairs_of(study)), 'pair', 'pairs')} the lead behind masks is {first}, and that a mask takes less "
            f"from the four {second}.")  # fmt: skip


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

    def shares(worse: tuple[str, ...]) -> str:
        said = []
        for pair in pairs_of(study):
            recall, parts = study["costs"][pair]["recall"], []
            for group in (BETTER, worse):
                bare, masked = (sum(recall[name][side]["value"] or 0 for name in group) for side in ("bare", "masked"))
                parts.append(percent(masked / bare, 0) if bare else DASH)
            said.append(f"{' against '.join(parts)}{PERCENT} ({PAIRS[pair]})")
        return listing(said)

    if not pairs_of(study):
        return ""
    return (f"Who has little recall on bare faces can lose few points; of what they have, the former keep {shares(GROUPS['all'])}, without Disgust "
            f"{shares(GROUPS['without_disgust'])}; these shares have no intervals.")  # fmt: skip


def disgust(study: dict) -> str:
    """Whether leaving disgust out changes a verdict."""
    changed = []
    for pair in pairs_of(study):
        found = study["verdict"][pair]
        for said, measure in ((found, ""), (found["d_prime"], " in d′")):
            for reading, name in (("absolute", "recognised better"), ("drop", "losing less")):
                if said[reading]["all"] != said[reading]["without_disgust"]:
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
    """How often the networks give the answers that people give behind masks, on bare faces and behind masks."""
    by_id = {cell["id"]: cell["confusion"] for cell in study["cells"] if is_run(cell)}
    tests = {}
    for pair, words in (("information", "after training for them"), ("shift", "without it")):
        part = study["costs"][pair]
        if is_run(part):  # the network for bare faces is the same in both
            tests |= {"on bare faces": by_id[part["bare"][0]], f"behind masks {words}": by_id[part["masked"][0]]}
    if not tests:
        return "Whether the networks err as people do cannot be said yet."
    said, sums = [], [0] * len(tests)
    for emotion, answer in TAKEN_BY_PEOPLE.items():
        row, column = EMOTIONS.index(emotion), EMOTIONS.index(answer)
        counts = [confusion[row][column] for confusion in tests.values()]
        sums = [total + number for total, number in zip(sums, counts, strict=True)]
        faces = sum(next(iter(tests.values()))[row])
        said.append(f"{emotion} for {answer} {listing([count(number) for number in counts])} times of {count(faces)}")
    return (f"The networks give these answers {listing([*tests])} as follows: {'; '.join(said)}; in all {listing([count(total) for total in sums])}. "
            "Only a count that is higher behind masks than on bare faces is the mask’s.")  # fmt: skip


def order(study: dict) -> str:
    """Emotions by what a mask takes from them, where networks were trained for it."""
    part = study["costs"]["information"]
    if not is_run(part):
        return ""
    drops = {name: side["drop"]["value"] for name, side in part["recall"].items() if side["drop"]["value"] is not None}
    ranked = sorted(drops, key=lambda name: -drops[name])
    people = f"Those people lose most on Disgust and, of what is significant, least on Happy; the networks most on {ranked[0]} and least on {ranked[-1]}."
    return f"In the pair “information” the order of loss, by point estimates, is {listing([f'{name} ({percent(drops[name])} points)' for name in ranked])}. {people}"
