//! From what was seen inside and outside, and what the plan says, to a verdict.

use super::baits::Baits;
use super::probe::{Answer, Granted, Probe, not_tried};
use crate::plan::Plan;
use serde::Serialize;

/// The word of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// The promise is broken.
    Fails,
    /// It got through, and the profile says that it may.
    Granted,
    /// It could not be tried.
    NotTried,
    /// It was tried, and did not get through.
    Holds,
}

/// What came of one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // docs/verify.md
pub struct Verdict {
    pub id: &'static str,
    pub group: &'static str,
    pub promise: &'static str,
    pub tried: &'static str,
    pub verdict: Word,
    pub seen: String,
    pub granted_by: Option<String>,
    /// Not tried, for want of what an attempt takes.
    #[serde(skip)]
    pub is_cut_short: bool,
}

/// What was seen outside counts for more than what the inside half was told.
pub(super) fn judge(
    (group, probe): (&'static str, &'static Probe),
    answer: Answer,
    effect: Option<&String>,
    plan: &Plan,
    baits: &Baits,
) -> Verdict {
    let answer = match (answer, effect) {
        (answer, None) => answer,
        (Answer::Through(through), Some(effect)) => Answer::Through([through, vec![effect.clone()]].concat()),
        (_, Some(effect)) => Answer::Through(vec![effect.clone()]),
    };
    // Nothing answered, so nothing was asked.
    let answer =
        if answer == Answer::Held(String::new()) { not_tried("there was nothing to try it on") } else { answer };
    let (verdict, seen, granted_by) = match &answer {
        Answer::Held(seen) => (Word::Holds, seen.clone(), None),
        Answer::NotTried(why) | Answer::CutShort(why) => (Word::NotTried, why.clone(), None),
        Answer::Through(through) => {
            let granted = Granted { plan, baits, through };
            let key = if baits.is_bare { None } else { (probe.granted)(&granted) };
            (if key.is_some() { Word::Granted } else { Word::Fails }, some_of(through), key)
        }
    };
    let is_cut_short = matches!(answer, Answer::CutShort(_));
    Verdict { id: probe.id, group, promise: probe.promise, tried: probe.tried, verdict, seen, granted_by, is_cut_short }
}

/// A few of them tell as much as all.
fn some_of(all: &[String]) -> String {
    const FEW: usize = 8;
    let few = all.iter().take(FEW).cloned().collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(FEW) {
        None | Some(0) => few,
        Some(more) => format!("{few}, and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::World;
    use crate::verify::probe::{held, through};

    static PROBE: Probe = Probe::new("p", "P", "t", |_| held(""))
        .unless(|granted| granted.through.iter().all(|name| name == "granted").then(|| "key".into()));

    fn judged(answer: Answer, effect: Option<&str>, is_bare: bool) -> (Word, String, Option<String>) {
        let baits = Baits { is_bare, ..Baits::default() };
        let effect = effect.map(str::to_owned);
        let verdict = judge(("files", &PROBE), answer, effect.as_ref(), &World::new().planned(), &baits);
        (verdict.verdict, verdict.seen, verdict.granted_by)
    }

    #[test]
    fn what_got_through_is_granted_only_if_all_of_it_is() {
        assert_eq!(judged(through("granted"), None, false), (Word::Granted, "granted".into(), Some("key".into())));
        let two = Answer::Through(vec!["granted".into(), "other".into()]);
        assert_eq!(judged(two, None, false), (Word::Fails, "granted, other".into(), None));
    }

    #[test]
    fn what_was_seen_outside_counts_for_more_than_what_was_told_inside() {
        assert_eq!(judged(held("EPERM"), Some("it came"), false), (Word::Fails, "it came".into(), None));
        assert_eq!(judged(not_tried("no room"), Some("it came"), false).0, Word::Fails);
    }

    #[test]
    fn without_a_sandbox_nothing_is_granted() {
        assert_eq!(judged(through("granted"), None, true).0, Word::Fails);
    }

    #[test]
    fn of_many_things_a_few_are_named() {
        let many = Answer::Through((0..11).map(|number| number.to_string()).collect());
        assert_eq!(judged(many, None, false).1, "0, 1, 2, 3, 4, 5, 6, 7, and 3 more");
    }
}
