//! The table at the end.

/// Lines in the order they were measured.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<(String, f64, Option<f64>)>,
    /// Said below the table.
    said: Vec<String>,
}

impl Report {
    /// What the machine or a server can do at all.
    pub(crate) fn limit(&mut self, what: &str, per_second: f64) {
        self.push(format!("limit   {what}"), per_second, None);
    }

    /// What we do, beside its limit.
    pub(crate) fn ours(&mut self, what: &str, per_second: f64, limit: f64) {
        self.push(format!("ours    {what}"), per_second, Some(per_second / limit));
    }

    /// What is no rate.
    pub(crate) fn line(&mut self, line: String) {
        eprintln!("{line}");
        self.said.push(line);
    }

    pub(crate) fn print(&self) {
        println!("{:<86} {:>9} {:>9}", "", "per s", "of limit");
        for (what, per_second, ratio) in &self.lines {
            let ratio = ratio.map(|ratio| format!("{:.0} %", ratio * 100.0)).unwrap_or_default();
            println!("{what:<86} {per_second:>9.0} {ratio:>9}");
        }
        for line in &self.said {
            println!("{line}");
        }
    }

    fn push(&mut self, what: String, per_second: f64, ratio: Option<f64>) {
        eprintln!("{what}: {per_second:.0}/s");
        self.lines.push((what, per_second, ratio));
    }
}
