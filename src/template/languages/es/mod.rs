//! Spanish.

use super::{Words, templates_here};

pub(super) const WORDS: Words = Words {
    name: "Spanish",
    months: [
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
    day: |day, month, year| format!("{day} de {month} de {year}"),
    foot: "Enviado por keyrota, que rota las claves de acceso de sus cuentas de AWS. Nunca envía un secreto por correo ni se lo pide.",
    no_address: "el usuario no tiene dirección",
    in_words_of_aws: "AWS respondió, en inglés:",
    mails: templates_here!(),
};
