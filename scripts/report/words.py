# SPDX-License-Identifier: MIT
"""Sentences and numbers of scripts/report.py; numbers are rounded as `dropmuon compare` rounds them."""
import math

RELATIONS = {">=": "≥", "<=": "≤"}


def count(value):
    """1234567 -> "1.23 M" """
    if math.isinf(value):
        return "inf"
    prefix = 0
    while abs(value) >= 1000 and prefix < 6:
        value, prefix = value / 1000, prefix + 1
    if prefix == 0 and value == int(value):
        return str(int(value))
    return f"{value:.3g} {' kMGTPE'[prefix]}".rstrip()


def cost_number(value, cost):
    if cost in ("samples", "flops") or math.isinf(value):
        return count(value)
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def cost_cell(summary, cost):
    """(median, interval or "")"""
    median = "not reached" if math.isinf(summary["median"]) else cost_number(summary["median"], cost)
    if summary["interval"] is None:
        return median, ""
    return median, "[{}, {}]".format(*(cost_number(end, cost) for end in summary["interval"]))


def ratio_number(value):
    return "inf" if math.isinf(value) else f"{value:.3g}"


def ratio_cell(summary):
    if summary["ratio"] is None:
        return "undefined", ""
    if summary["ratio_interval"] is None:
        return ratio_number(summary["ratio"]), ""
    return ratio_number(summary["ratio"]), "[{}, {}]".format(*map(ratio_number, summary["ratio_interval"]))


def percent_cell(spread):
    deviation = spread["std"]
    return f"{100 * spread['mean']:.2f}", "" if deviation is None else f"± {100 * deviation:.2f}"


def target_words(target):
    """ "test/accuracy >= 0.9" -> "test accuracy ≥ 0.9" """
    metric, relation, value = target.split()
    return f"{metric.replace('/', ' ')} {RELATIONS[relation]} {value}"


def runs_word(number):
    return "1 run" if number == 1 else f"{number} runs"


def diverged(group):
    return f"{group.facts['diverged']} of {group.facts['total']} diverged"


# --- the answer -------------------------------------------------------------------------------------
def of_runs(group):
    return f"{group.facts['reached']} of {runs_word(group.facts['total'])}"


def reach(group):
    median = group.cost("seconds")["median"]
    if math.isinf(median):
        return f"does not in half or more of its runs (reached by {of_runs(group)})"
    return f"in {cost_number(median, 'seconds')} s (median; reached by {of_runs(group)})"


def verdict(group, section):
    """What the ratio to the baseline allows to say."""
    seconds = group.cost("seconds")
    if seconds["ratio"] is None:
        return "there is no ratio"
    number, interval = ratio_cell(seconds)
    ratio = f"time ratio {number}" + (f" (95 % interval {interval[1:-1].replace(', ', ' .. ')})" if interval else "")
    if group.no_claim:
        return f"{ratio}: no difference can be claimed ({'; '.join(group.no_claim)})"
    low, high = seconds["ratio_interval"]
    if high < 1:
        return f"{ratio}: {group.tag} is faster"
    if low > 1:
        return f"{ratio}: {group.tag} is slower"
    return f"{ratio}: no difference can be claimed"


def by_accuracy(section, contenders):
    def end(group):
        return "{} {}".format(*percent_cell(group.facts["final_test_accuracy"])).strip()

    def mean_of(group):
        mark = f"; {diverged(group)}" if group.facts["diverged"] else ""
        return f"mean of {runs_word(group.facts['total'])}{mark}"
    base = section.baseline
    text = f"{base.tag} ends at {end(base)} % test accuracy ({mean_of(base)})"
    if contenders:
        best = max(contenders, key=lambda group: group.facts["final_test_accuracy"]["mean"])
        text = (f"{best.tag} ends at {end(best)} % test accuracy ({mean_of(best)}), "
                f"the baseline {base.tag} at {end(base)} %")
        text += f" ({diverged(base)})" if base.facts["diverged"] else ""
    return text + "; there is no target, so nothing is said about time."


def answer(section):
    """The result in one sentence."""
    base = section.baseline
    contenders = [group for group in section.groups if not group.is_baseline]
    if section.target is None:
        return by_accuracy(section, contenders)
    what = f"{target_words(section.target)}"
    if all(group.facts["reached"] == 0 for group in section.groups):
        return f"No run reached {what}: nothing can be said about the time to it."
    if not contenders:
        return f"{base.tag} reaches {what} {reach(base)}."
    soonest = min(contenders, key=lambda group: group.cost("seconds")["median"])
    if math.isinf(soonest.cost("seconds")["median"]):
        soonest = max(contenders, key=lambda group: group.facts["reached"])
    text = f"{soonest.tag} reaches {what} {reach(soonest)}, the baseline {base.tag} {reach(base)}: "
    text = text.replace(f"reaches {what} does not", f"does not reach {what}")
    text += verdict(soonest, section)
    if len(contenders) > 1:
        text += (f". {soonest.tag} is the soonest of {len(contenders)} groups beside the baseline, picked after "
                 "the fact, which its interval does not allow for")
    return text + "."


def why(group, section):
    """time ratio = step ratio x ratio of the time per step, in words; None without ratios."""
    time, steps = group.cost("seconds")["ratio"], group.cost("steps")["ratio"]
    per_step = step_ratio(group, section)
    if per_step is None or not all(ratio and math.isfinite(ratio) for ratio in (time, steps)):
        return None
    return (f"{group.tag} needs {steps:.3g} times the steps of {section.baseline.tag}, and a step of it takes "
            f"{per_step:.3g} times as long: {steps:.3g} × {per_step:.3g} = {steps * per_step:.3g}. Its time ratio "
            f"is {time:.3g}; all three are ratios of medians, so the product need not be exact.")


def step_ratio(group, section):
    base = section.baseline.facts["seconds_per_step"]
    return group.facts["seconds_per_step"] / base if base else None
