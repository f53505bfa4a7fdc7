//! What was aimed at, beside what was measured, and what stands in the way where it is missed.

use crate::measure::Median;

/// Of the aims at the start, beside bwrap and beside the floor.
pub const START: &str = "the time before main (CPUID calls of the C library that a hypervisor traps, relocations of a \
position-independent program), reading and planning a profile (about 0.5 ms), a PID 1 of its own that forks the command, and that it \
waits until nothing of the namespaces is left, which bwrap does not";
/// Of the aim at a run with a cgroup.
pub const CGROUP: &str = "D-Bus by a helper process with threads costs more processor time than systemd-run, and a scope of two cgroups \
is made";
/// Of the aims while the command runs.
pub const RUNNING: &str = "Landlock looks at every directory above a file that is opened, and open's mode is an argument that the filter \
looks at each time";

/// One aim.
pub struct Aim {
    text: String,
    /// After the text; empty if the text has it.
    limit: String,
    measured: String,
    verdict: Verdict,
    in_the_way: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Met,
    Missed,
    Unclear,
    NotMeasured,
}

impl Aim {
    /// At most `limit`; `unit` follows both figures. A figure whose deviation spans the limit bears no verdict.
    pub fn at_most(text: &str, limit: f64, measured: Option<Median>, unit: &str) -> Self {
        let verdict = match measured {
            None => Verdict::NotMeasured,
            Some(figure) if figure.value + figure.deviation <= limit => Verdict::Met,
            Some(figure) if figure.value - figure.deviation > limit => Verdict::Missed,
            Some(_) => Verdict::Unclear,
        };
        let shown = |Median { value, deviation }| match deviation {
            0.0 => format!("{value:.2}{unit}"),
            _ => format!("{value:.2} ±{deviation:.2}{unit}"),
        };
        let measured = measured.map_or("not measured here".into(), shown);
        Aim { text: text.into(), limit: format!(": at most {limit}{unit}"), measured, verdict, in_the_way: None }
    }

    /// One that is more than a number; `met` is nothing where the figures do not tell.
    pub fn said(text: &str, measured: String, met: Option<bool>) -> Self {
        let verdict = match met {
            Some(true) => Verdict::Met,
            Some(false) => Verdict::Missed,
            None => Verdict::Unclear,
        };
        Aim { text: text.into(), limit: String::new(), measured, verdict, in_the_way: None }
    }

    /// The page says `reason` if it is missed.
    pub fn or_because(self, reason: &'static str) -> Self {
        Aim { in_the_way: Some(reason), ..self }
    }

    /// As a row of a table.
    pub fn cells(&self) -> [String; 3] {
        let verdict = match self.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Unclear => "unclear",
            Verdict::NotMeasured => "–",
        };
        [format!("{}{}", self.text, self.limit), self.measured.clone(), verdict.into()]
    }

    /// Its text, and what stands in its way, if it is missed.
    pub fn in_the_way(&self) -> Option<(&str, &'static str)> {
        let missed = self.verdict == Verdict::Missed;
        missed.then(|| (self.text.as_str(), self.in_the_way.unwrap_or("not known")))
    }
}
