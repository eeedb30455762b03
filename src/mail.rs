//! What the owner of a rotated key is told: subject, text and HTML. No secret, and no link that asks for credentials.

use crate::{
    inventory::KeyId,
    manifest::Language,
    plan::{Change, Notice},
};

/// A mail's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// "Your new key is ready." `because` says why this goes to the fallback instead of the owner.
pub fn rotated(change: &Change, key: &KeyId, notice: &Notice, because: Option<&str>) -> Text {
    let Words { subject, subject_dated, greeting, ready, old_stops, act, fallback } = words(notice.language);
    let user = change.user.as_str();
    let stops = notice.old_stops.map(|time| time.format("%Y-%m-%d").to_string());
    let subject = match &stops {
        Some(date) => fill(subject_dated, &[("user", user), ("date", date)]),
        None => fill(subject, &[("user", user)]),
    };
    let mut paragraphs = Vec::new();
    if let Some(because) = because {
        paragraphs.push(fill(fallback, &[("user", user), ("because", because)]));
    }
    paragraphs.push(greeting.to_owned());
    let account = change.account.to_string();
    let place = [
        ("user", user),
        ("account", account.as_str()),
        ("key", key.as_str()),
        ("secret", change.destination.as_str()),
        ("region", change.account.region.as_str()),
    ];
    paragraphs.push(fill(ready, &place));
    if let (Some(old), Some(date)) = (&notice.old, &stops) {
        paragraphs.push(fill(old_stops, &[("old", old.as_str()), ("date", date)]));
        paragraphs.push(act.to_owned());
    }
    let html: String = paragraphs.iter().map(|paragraph| format!("<p>{}</p>\n", escape(paragraph))).collect();
    Text {
        subject,
        text: paragraphs.join("\n\n") + "\n",
        html: format!("<!doctype html>\n<html><body>\n{html}</body></html>\n"),
    }
}

struct Words {
    subject: &'static str,
    subject_dated: &'static str,
    greeting: &'static str,
    ready: &'static str,
    old_stops: &'static str,
    act: &'static str,
    fallback: &'static str,
}

fn words(language: Language) -> Words {
    match language {
        Language::English => Words {
            subject: "New access key for {user}",
            subject_dated: "New access key for {user}: the old one stops on {date}",
            greeting: "Hello,",
            ready: "the IAM user {user} in account {account} has a new access key, {key}. It is stored in Secrets \
                    Manager as {secret} ({region}).",
            old_stops: "The old key, {old}, works until {date}. After that it is deactivated if nothing uses it, and \
                        later deleted.",
            act: "Please make everything that uses the old key read the new one from the secret before then.",
            fallback: "You get this mail because the owner of {user} could not be told: {because}",
        },
        Language::Spanish => Words {
            subject: "Nueva clave de acceso para {user}",
            subject_dated: "Nueva clave de acceso para {user}: la anterior deja de funcionar el {date}",
            greeting: "Hola:",
            ready: "El usuario de IAM {user} de la cuenta {account} tiene una nueva clave de acceso, {key}. Está \
                    guardada en Secrets Manager como {secret} ({region}).",
            old_stops: "La clave anterior, {old}, funciona hasta el {date}. Después se desactiva si nadie la usa, y \
                        más tarde se elimina.",
            act: "Antes de esa fecha, haga que todo lo que usa la clave anterior lea la nueva del secreto.",
            fallback: "Recibe este correo porque no se pudo avisar al propietario de {user}: {because}",
        },
        Language::Portuguese => Words {
            subject: "Nova chave de acesso para {user}",
            subject_dated: "Nova chave de acesso para {user}: a anterior deixa de funcionar em {date}",
            greeting: "Olá,",
            ready: "o usuário do IAM {user} da conta {account} tem uma nova chave de acesso, {key}. Ela está guardada \
                    no Secrets Manager como {secret} ({region}).",
            old_stops: "A chave anterior, {old}, funciona até {date}. Depois disso ela é desativada se nada a usar, e \
                        mais tarde excluída.",
            act: "Antes dessa data, faça com que tudo o que usa a chave anterior leia a nova do segredo.",
            fallback: "Você recebe este e-mail porque não foi possível avisar o proprietário de {user}: {because}",
        },
    }
}

/// Replaces each `{name}` once, from left to right, so that a value that looks like a name stays what it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').expect("the templates above close what they open");
        let value = values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        filled.extend([before, value]);
        rest = after;
    }
    filled + rest
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
