//! Dates as people write them.

use chrono::{DateTime, Datelike, Utc};

use crate::notice::Language;

/// `30 November 2026`, `30 de noviembre de 2026`, `30 de novembro de 2026`.
pub fn day(time: DateTime<Utc>, language: Language) -> String {
    let month = months(language)[time.month0() as usize];
    let (day, year) = (time.day(), time.year());
    match language {
        Language::English => format!("{day} {month} {year}"),
        Language::Spanish | Language::Portuguese => format!("{day} de {month} de {year}"),
    }
}

/// The day and the minute.
pub fn minute(time: DateTime<Utc>, language: Language) -> String {
    format!("{}, {} UTC", day(time, language), time.format("%H:%M"))
}

fn months(language: Language) -> [&'static str; 12] {
    match language {
        Language::English => [
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
        Language::Spanish => [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        Language::Portuguese => [
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
    }
}
