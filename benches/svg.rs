//! A plain chart of bars, readable on light and on dark ground.

use std::fmt::Write;

/// One bar.
pub struct Bar {
    /// On its left.
    pub name: String,
    /// Its length, and the figure on its right.
    pub value: f64,
    /// In the colour of ours.
    pub ours: bool,
}

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.ours { fill: #0969da }
.other { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .ours { fill: #4493f8 }
  .other { fill: #6e7681 }
}";
const WIDTH: f64 = 760.0;
const LABELS: f64 = 190.0;
const FIGURES: f64 = 70.0;
const LINE: f64 = 24.0;

/// Horizontal bars from nought, the shortest first.
pub fn bars(title: &str, mut bars: Vec<Bar>) -> String {
    bars.sort_by(|a, b| a.value.total_cmp(&b.value));
    let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let height = LINE * (bars.len() + 2) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{0}\">\n<style>\n{STYLE}\n</style>\n\
         <text class=\"title\" x=\"0\" y=\"16\">{0}</text>\n",
        escaped(title)
    );
    for (index, bar) in bars.iter().enumerate() {
        let top = LINE * (index + 1) as f64 + 8.0;
        let length = (WIDTH - LABELS - FIGURES) * bar.value / longest;
        let (base, class) = (top + 13.0, if bar.ours { "ours" } else { "other" });
        let _ = writeln!(svg, "<text x=\"0\" y=\"{base}\">{}</text>", escaped(&bar.name));
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{LABELS}\" y=\"{top}\" width=\"{length:.1}\" height=\"16\" rx=\"2\"/>"
        );
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{base}\">{:.1}</text>", LABELS + length + 6.0, bar.value);
    }
    svg + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
