//! What was aimed at, beside what was measured.

/// One aim.
pub struct Aim {
    text: String,
    measured: String,
    met: Option<bool>,
}

impl Aim {
    /// At most `limit`; `unit` follows both figures.
    pub fn at_most(text: &str, limit: f64, measured: Option<f64>, unit: &str) -> Self {
        let shown = measured.map_or("not measured here".into(), |value| format!("{value:.2}{unit}"));
        Aim {
            text: format!("{text}: at most {limit}{unit}"),
            measured: shown,
            met: measured.map(|value| value <= limit),
        }
    }

    /// One that is more than a number.
    pub fn said(text: &str, measured: String, met: bool) -> Self {
        Aim { text: text.into(), measured, met: Some(met) }
    }

    /// As a row of a table.
    pub fn cells(&self) -> [String; 3] {
        let verdict = match self.met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "–",
        };
        [self.text.clone(), self.measured.clone(), verdict.into()]
    }
}
