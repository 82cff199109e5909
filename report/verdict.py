"""What the study says of its hypothesis, in words: from the intervals of the pairs that were run."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import stats

from pre_processing.emotions import EMOTIONS
from report.numbers import PERCENT, count, decimal, listing, p_value, percent, span
from report.tables import PAIRS, is_run
from training.hypothesis import CONTRADICTED, SUPPORTED, judge

MAIN_PAIR = "information"
KINDS = {
    "shift": "networks trained on bare faces",
    "information": "networks trained for each",
    "both": "networks trained on both",
}
# Readings of masked faces by people (Rinck et al. 2022): what an emotion is taken for.
TAKEN_BY_PEOPLE = {"Disgust": "Angry", "Fear": "Surprise", "Sad": "Neutral"}
# Rank of what a mask takes from people's recognition of it in the same study; not significant for the two last.
PEOPLE_LOSE = {"Disgust": 7, "Fear": 6, "Surprise": 5, "Sad": 4, "Happy": 3, "Angry": 1.5, "Neutral": 1.5}


def all_of(study: dict) -> dict[str, str]:
    """Every sentence by name."""
    parts = (
        verdict,
        plain,
        area,
        alike,
        by_area,
        short,
        over_sad,
        kept,
        certain_fits,
        answered,
        people,
        order,
    )
    return {part.__name__: part(study) for part in parts}


def pairs_of(study: dict) -> list[str]:
    """Pairs of conditions that were run."""
    return [pair for pair in PAIRS if is_run(study["costs"][pair])]


def main_pair(study: dict) -> str | None:
    """The pair whose figures stand beside a verdict: networks trained for each, else what was run in their stead."""
    ran = pairs_of(study)
    return MAIN_PAIR if MAIN_PAIR in ran else next(iter(ran), None)


def verdict(study: dict) -> str:
    """Both readings of the hypothesis, by recall, in words; the figures are in a table."""
    pair = main_pair(study)
    if pair is None:
        return plain(study)
    gaps = study["costs"][pair]["groups"]["all"]
    return (f"{plain(study)} By recall, the lead behind masks is {_words(study, 'absolute')}: in “{PAIRS[pair]}” {_points(gaps['absolute'])}, and on bare "
            f"faces already {_points(gaps['bare'])}. A smaller loss is {_words(study, 'drop')}; without Disgust "
            f"{_words(study, 'drop', group='without_disgust')}.")  # fmt: skip


def area(study: dict) -> str:
    """The same by the area under the ROC curve."""
    if not pairs_of(study):
        return ""
    return (f"By this measure the lead of the four behind masks is {_words(study, 'absolute', 'auc')}, and that a mask takes less from them is "
            f"{_words(study, 'drop', 'auc')}. Without Disgust the lead is {_words(study, 'absolute', 'auc', 'without_disgust')}, and a smaller loss "
            f"{_words(study, 'drop', 'auc', 'without_disgust')}. {_most(study)}")  # fmt: skip


def alike(study: dict) -> str:
    """The same where every other emotion counts alike, however many faces show it."""
    if not pairs_of(study):
        return ""
    return (f"the lead is {_words(study, 'absolute', 'auc_alike')}, and a smaller loss {_words(study, 'drop', 'auc_alike')}; with Disgust left out of "
            f"the three, but not of the others, the lead is {_words(study, 'absolute', 'auc_alike', 'without_disgust')}, and a smaller loss "
            f"{_words(study, 'drop', 'auc_alike', 'without_disgust')}.")  # fmt: skip


def _most(study: dict) -> str:
    """Which two emotions lose most by the area under the ROC curve, and what the others do."""
    pair = main_pair(study)
    drops = {name: part["drop"]["value"] for name, part in study["costs"][pair]["auc"].items()}
    ranked = sorted((name for name, drop in drops.items() if drop is not None), key=lambda name: -drops[name])
    two, rest = ranked[:2], ranked[2:]
    others = sum(drops[name] for name in rest) / len(rest)
    return (f"In “{PAIRS[pair]}” a mask takes most from {listing([f'{name} ({percent(drops[name])} points)' for name in two])}, and "
            f"{percent(others)} points on average from the other {len(rest)}.")  # fmt: skip


def short(study: dict) -> str:
    """The verdict with the figures of one pair, for who reads no further."""
    pair = main_pair(study)
    if pair is None:
        return plain(study)
    recall = study["costs"][pair]["groups"]["all"]
    return (f"{plain(study)} In {KINDS[pair]} they lead behind masks by {_points(recall['absolute'])} of mean recall, but on bare faces already by "
            f"{_points(recall['bare'])}. {by_area(study, apart=True)}").strip()  # fmt: skip


def _against(study: dict, pair: str) -> str:
    """What the area says where no network was trained for masks, if that is the opposite."""
    if pair == "shift" or not is_run(study["verdict"]["shift"]):
        return ""
    found = tuple(_by_both_areas(study, "shift", reading) == CONTRADICTED for reading in ("absolute", "drop"))
    said = {(True, True): "both are", (True, False): "the lead is", (False, True): "the smaller loss is"}
    return f"; in a network that never saw a mask {said[found]} contradicted" if any(found) else ""


def _by_both_areas(study: dict, pair: str, reading: str, group: str = "all") -> str | None:
    """The word that both areas have, against the rest and against each other emotion alike; None where they differ."""
    words = {study["verdict"][pair][area][reading].get(group) for area in ("auc", "auc_alike")}
    return words.pop() if len(words) == 1 else None


def _found_by_area(study: dict, pair: str) -> str:
    found = tuple(_by_both_areas(study, pair, reading) == SUPPORTED for reading in ("absolute", "drop"))
    said = {
        (True, True): "both hold",
        (True, False): "only the lead holds",
        (False, True): "only the smaller loss holds",
    }
    return said.get(found, "neither is found")


def by_area(study: dict, apart: bool = False) -> str:
    """The same without figures, `by the area under the ROC curve neither is found`; with what Disgust hides where it stands `apart`."""
    pair = main_pair(study)
    auc = pair and study["costs"][pair]["groups_auc"]["all"]
    if not auc or None in (auc["absolute"]["value"], auc["drop"]["value"]):
        return ""
    return (f"By the area under the ROC curve, against all other faces and against each other emotion alike ({KINDS[pair]}), {_found_by_area(study, pair)}{_against(study, pair)}"
            f"{_without_disgust(study) if apart else ''}.")  # fmt: skip


def _without_disgust(study: dict) -> str:
    """Where a smaller loss is contradicted once the emotion with the fewest faces is left out."""
    said, ran = [], pairs_of(study)
    by_recall = {pair: study["verdict"][pair]["drop"].get("without_disgust") for pair in ran}
    by_areas = {pair: _by_both_areas(study, pair, "drop", "without_disgust") for pair in ran}
    for words, name in ((by_areas, "by this area"), (by_recall, "by recall")):
        found = [KINDS[pair] for pair, word in words.items() if word == CONTRADICTED]
        if found:
            said.append(f"{name} in {'all pairs' if len(found) == len(words) > 1 else listing(found)}")
    return f"; without Disgust, which has few faces, a mask takes more from the four {listing(said)}" if said else ""


def _points(estimate: dict) -> str:
    """`32.1 points (27.3–37.0)`."""
    return f"{percent(estimate['value'])} points ({span(estimate['ci95'])})"


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
                f"that a mask takes less from them is not supported in points of recall{_by_share(study)}.")  # fmt: skip
    if SUPPORTED not in said["absolute"] | said["drop"]:
        return "The hypothesis is not supported."
    return "The hypothesis is supported in part."


def _by_share(study: dict) -> str:
    """Where a smaller loss is supported as a share of bare recall."""
    held = [pair for pair in pairs_of(study) if judge(study["costs"][pair]["kept"]["all"]["difference"]) == SUPPORTED]
    return (
        f", and as a share of it only in {listing([KINDS[pair] for pair in held])}"
        if held
        else ", nor as a share of it"
    )


def _words(study: dict, reading: str, measure: str = "recall", group: str = "all") -> str:
    """What is said of one reading in all pairs."""
    found = {pair: study["verdict"][pair] for pair in pairs_of(study)}
    return _by_word(
        {pair: (part if measure == "recall" else part[measure])[reading][group] for pair, part in found.items()}
    )


def _by_word(words: dict[str, str]) -> str:
    """`contradicted (shift) and undecided (information, one network)` of words by pair, or one word where all have it."""
    named: dict[str, list[str]] = {}
    for pair, word in words.items():
        named.setdefault(word, []).append(PAIRS[pair])
    if len(named) == 1 and len(words) > 1:
        return f"{next(iter(named))} in all pairs"
    return listing([f"{word} ({', '.join(pairs)})" for word, pairs in named.items()])


def over_sad(study: dict) -> str:
    """The lead over the one of the three that is not rare."""
    pair = main_pair(study)
    if pair is None:
        return ""
    gaps = study["costs"][pair]["groups"]["sad"]
    return (f"Over Sad alone the four lead by {_points(gaps['absolute'])}, and on bare faces by {_points(gaps['bare'])} (“{PAIRS[pair]}”): against it "
            f"the lead is {_words(study, 'absolute', group='sad')}, and a smaller loss {_words(study, 'drop', group='sad')}.")  # fmt: skip


def kept(study: dict) -> str:
    """Shares of their bare recall that both groups keep; points that a mask takes are bounded by what there is to take."""

    def shares(pair: str, group: str) -> str:
        part = study["costs"][pair]["kept"][group]
        figures = f"{percent(part['better']['value'], 0)} against {percent(part['worse']['value'], 0)}{PERCENT}"
        gap = part["difference"]
        return f"{figures} ({PAIRS[pair]}; difference {percent(gap['value'], 0)} points, {span(gap['ci95'], 0)})"

    pair = main_pair(study)
    if pair is None:
        return ""
    words = {each: judge(study["costs"][each]["kept"]["all"]["difference"]) for each in pairs_of(study)}
    return (f"An emotion with low recall on bare faces has few points to lose. Of its bare recall the first group keeps, against the second, "
            f"{listing([shares(each, 'all') for each in pairs_of(study)])}, and without Disgust {shares(pair, 'without_disgust')}: on this scale, that a "
            f"mask takes less from the first is {_by_word(words)}.")  # fmt: skip


def certain_fits(study: dict) -> str:
    """Whether uncertain landmarks could pass for a cost of masks."""
    pair = main_pair(study)
    part = pair and study["costs"][pair]["groups_certain"]
    if not part:
        return ""
    return (f"Landmarks are uncertain for more faces of some emotions than of others; on the {count(part['n'])} faces with certain ones the lead "
            f"behind masks is {_points(part['all']['absolute'])} and the difference of the drops {_points(part['all']['drop'])}, without Disgust "
            f"{_points(part['without_disgust']['drop'])} ({PAIRS[pair]}).")  # fmt: skip


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
    text = (f"Behind masks a network that never saw one (seed 0) answers {most} for {count(answers[most])} of {count(cell['n'])} faces, of which "
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
    said = []
    for emotion, answer in TAKEN_BY_PEOPLE.items():
        row, column = EMOTIONS.index(emotion), EMOTIONS.index(answer)
        counts = [confusion[row][column] for confusion in tests.values()]
        faces = sum(next(iter(tests.values()))[row])
        said.append(
            f"{emotion} is called {answer} {listing([count(number) for number in counts])} of {count(faces)} times"
        )
    where = listing([*tests])
    return f"Counted {where} (seed 0), {'; '.join(said)}."


def order(study: dict) -> str:
    """Emotions by what a mask takes from them, where networks were trained for it, and whether people lose in that order."""
    part = study["costs"][MAIN_PAIR]
    if not is_run(part):
        return ""
    drops = {name: side["drop"]["value"] for name, side in part["recall"].items() if side["drop"]["value"] is not None}
    ranked = sorted(drops, key=lambda name: -drops[name])
    losses = [f"{name} ({percent(drops[name])} points)" for name in ranked]
    return f"In the pair “{PAIRS[MAIN_PAIR]}” the networks’ order of loss is {listing(losses)}. {_agreement(drops)}"


def _agreement(drops: dict[str, float]) -> str:
    """Rank correlation of losses with those of people, with and without Disgust, which has the fewest faces."""
    said = []
    for names in (drops, [name for name in drops if name != "Disgust"]):
        ours, theirs = (stats.rankdata([losses[name] for name in names]) for losses in (drops, PEOPLE_LOSE))
        found, *others = (np.corrcoef(ours, each)[0, 1] for each in (theirs, *itertools.permutations(theirs)))
        chance = np.mean(np.abs(others) >= abs(found) - 1e-9)  # exact: there are few emotions
        said.append(f"{decimal(float(found))} (p {p_value(float(chance))})")
    return f"Its rank correlation with people’s is {said[0]} by Spearman for {len(drops)} emotions, and {said[1]} without Disgust."
