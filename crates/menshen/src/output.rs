//! How the binary speaks to people: colors, tables, receipts. Colors go away by themselves when
//! nobody would see them (`NO_COLOR`, no terminal).

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, TableStyle};
use menshen_store::Receipt;
use menshen_token::{ClientId, Timestamp};
use serde::Serialize;

/// Headings and what must not be missed.
pub(crate) const STRONG: Style = Style::new().bold();
/// What stands by the side.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// What went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What did not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What can be typed or followed.
pub(crate) const ACCENT: Style = AnsiColor::Cyan.on_default();

/// The colors of `--help`.
pub(crate) const HELP: clap::builder::Styles =
    clap::builder::Styles::styled().header(STRONG).usage(STRONG).literal(ACCENT).placeholder(FAINT);

/// A text in a style.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// One line that says that it is done.
pub(crate) fn done(sentence: &str) {
    anstream::println!("{} {sentence}", paint(GOOD, "✓"));
}

/// A table, or a sentence when there is nothing to list.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>, nothing: &str) {
    if rows.is_empty() {
        anstream::println!("{}", paint(FAINT, nothing));
        return;
    }
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(header.iter().map(|title| title.to_uppercase()));
    table.add_rows(rows);
    for (number, line) in table.lines().enumerate() {
        let line = line.trim();
        let line = if number == 0 { paint(FAINT, line) } else { line.to_owned() };
        anstream::println!("{line}");
    }
}

/// Anything as JSON, for scripts.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    anstream::println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// What a revocation ended.
pub(crate) fn receipt(receipt: &Receipt) {
    anstream::println!(
        "  ended {} and {}; position {} in the log",
        counted(receipt.sessions, "session"),
        counted(receipt.grants, "grant"),
        receipt.seq.0,
    );
    if !receipt.queued.is_empty() {
        let clients: Vec<&str> = receipt.queued.iter().map(ClientId::as_str).collect();
        anstream::println!("  the server will tell {}", clients.join(", "));
    }
}

/// "1 session", "2 sessions".
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// An instant as people read it, in UTC: `2026-11-23 17:30:05`.
pub(crate) fn instant(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => at.to_string(),
    }
}

/// An instant as scripts read it (RFC 3339).
pub(crate) fn rfc3339(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(at) => at.to_string(),
        Err(_) => at.to_string(),
    }
}

/// Or a dash, where a table has nothing to say.
pub(crate) fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

/// Names and values, one pair a line.
pub(crate) fn facts(facts: &[(&str, &str)]) {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in facts {
        anstream::println!("  {}  {value}", paint(FAINT, format_args!("{name:width$}")));
    }
}
