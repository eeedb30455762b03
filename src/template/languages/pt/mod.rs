//! Portuguese.

use super::{Words, templates_here};

pub(super) const WORDS: Words = Words {
    name: "Portuguese",
    months: [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    day: |day, month, year| format!("{day} de {month} de {year}"),
    mails: templates_here!(),
};
