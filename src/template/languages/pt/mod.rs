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
    foot: "Enviado pelo keyrota, que faz a rotação das chaves de acesso das suas contas da AWS. Ele nunca envia um segredo por e-mail nem o pede a você.",
    no_address: "o usuário não tem endereço",
    in_words_of_aws: "a AWS respondeu, em inglês:",
    mails: templates_here!(),
};
