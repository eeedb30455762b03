//! Columns that are too wide for a terminal: what is much wider than the rest of its column goes on below, so that one long
//! name does not take the room of all lines.

use super::measure::{CELL, COLUMN, GAP, columns};

/// With less room than this for the last column, columns become narrower.
const FEWEST: usize = 28;

/// A column becomes narrower by this much, or it is not worth a line.
const GAIN: usize = 8;

/// As narrow as a column gets.
const NARROWEST: usize = 4;

/// The same text with columns that leave room for the last one in so many columns, where that takes it.
pub fn refitted(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut rows: Vec<&str> = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.contains(CELL) {
            rows.push(line);
        } else {
            out += &block(&std::mem::take(&mut rows), width);
            out += line;
        }
    }
    out + &block(&rows, width)
}

/// Rows that stand together.
fn block(rows: &[&str], width: usize) -> String {
    let cells: Vec<Vec<&str>> = rows.iter().map(|row| cells(row)).collect();
    let count = cells.iter().map(|row| row.len() - 1).max().unwrap_or_default();
    let in_column =
        |column: usize| cells.iter().filter(move |row| column + 1 < row.len()).map(move |row| columns(row[column]));
    let mut widths: Vec<usize> = (0..count).map(|column| in_column(column).max().unwrap_or_default()).collect();
    let room = |widths: &[usize]| width.saturating_sub(widths.iter().map(|width| width + GAP).sum());
    if room(&widths) >= FEWEST.min(width / 2) {
        return rows.concat().replace(CELL, "");
    }
    while room(&widths) < FEWEST.min(width / 2) {
        // As narrow as what is next to it in width. Where that would put most rows on two lines, only a column goes that has
        // most of the room.
        let narrower = |column: usize| {
            let own = widths[column];
            let next = in_column(column).filter(|other| *other + GAIN <= own).max().unwrap_or_default().max(NARROWEST);
            let cut = in_column(column).filter(|other| *other > next).count();
            (next + GAIN <= own && (cut * 2 < rows.len() || own > width / 2)).then_some((own, column, next))
        };
        let Some((_, column, next)) = (0..count).filter_map(narrower).max() else { break };
        widths[column] = next;
    }
    cells.iter().map(|row| laid_out(row, &widths)).collect()
}

/// The cells of a row, without the blanks between them.
fn cells(row: &str) -> Vec<&str> {
    let mut cells = row.split(CELL);
    let first = cells.next().into_iter();
    first.chain(cells.map(|cell| cell.trim_start_matches(' '))).collect()
}

fn laid_out(row: &[&str], widths: &[usize]) -> String {
    let Some((last, cells)) = row.split_last() else { return String::new() };
    let (mut out, mut at, mut end) = (String::new(), 0, 0);
    for (cell, width) in cells.iter().zip(widths) {
        out += &" ".repeat(end - at);
        out += cell;
        at = end + columns(cell);
        end += width + GAP;
        if at + GAP > end {
            out += "\n";
            at = 0;
        }
    }
    // A row may end before its last column.
    match last.trim_matches([COLUMN, '\n']).is_empty() {
        true => out.trim_end().to_owned() + "\n",
        false => out + &" ".repeat(end - at) + last,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::words::aligned, *};

    fn shown(rows: &[&str], width: usize) -> String {
        super::super::wrapped(&aligned(rows.iter().map(|row| (*row).to_owned())), Some(width))
    }

    const SHORT: &str = "+ ci-a\tcreate\tnew key\tAKIA is 95d old, the limit is 60d";

    #[test]
    fn one_long_name_takes_no_room_of_others() {
        let name = "n".repeat(64);
        let long = SHORT.replace("ci-a", &name);
        assert_eq!(
            shown(&[SHORT, &long, SHORT], 70),
            format!(
                "+ ci-a  create  new key  AKIA is 95d old, the limit is 60d\n\
                 + {name}\n        create  new key  AKIA is 95d old, the limit is 60d\n\
                 + ci-a  create  new key  AKIA is 95d old, the limit is 60d\n"
            )
        );
        // If every name is long, each is on a line of its own.
        let alone = shown(&[&long, &long], 80);
        let line = format!("+ {name}\n      create  new key  AKIA is 95d old, the limit is 60d\n");
        assert_eq!(alone, line.repeat(2));
        // Where there is room, nothing changes; nor without a terminal.
        let wide = shown(&[SHORT, &long], 160);
        assert!(wide.starts_with(&format!("+ ci-a{}  create  new key  AKIA", " ".repeat(60))), "{wide}");
        assert!(!wide.contains(CELL));
    }

    #[test]
    fn no_width_loses_a_word_or_is_too_wide() {
        let long = SHORT.replace("ci-a", &"n".repeat(30));
        let rows = [SHORT, &long, "short\trow", SHORT, "! x\tblocked\t\t"];
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let whole = words(&shown(&rows, 1000));
        for width in 20..200 {
            let text = shown(&rows, width);
            assert_eq!(words(&text), whole, "{width}");
            let widest = text.lines().map(columns).max().unwrap_or_default();
            assert!(widest <= width.max(40), "{width}: {text}");
        }
    }
}
