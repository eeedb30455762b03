//! English.

use super::{Words, templates_here};

pub(super) const WORDS: Words = Words {
    name: "English",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    day: |day, month, year| format!("{day} {month} {year}"),
    mails: templates_here!(),
};
