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
    foot: "Sent by keyrota, which rotates the access keys of your AWS accounts. It never sends a secret by mail and never asks you for one.",
    no_address: "the user has no address",
    in_words_of_aws: "",
    mails: templates_here!(),
};
