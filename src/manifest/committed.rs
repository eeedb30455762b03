//! What must not be shown although somebody wrote it into a manifest: the URLs of webhooks, tokens of GitHub and private keys.

/// What tokens of GitHub begin with.
const TOKENS: [&str; 6] = ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"];

/// The shortest of what follows. Names may begin so as well.
const SHORTEST: usize = 20;

/// What private keys begin with, as PEM.
const PEM: &str = "-----BEGIN";

/// Whether it is, or holds, a token of GitHub or a private key.
pub(super) fn is_credential(text: &str) -> bool {
    text.contains(PEM) || token(text).is_some()
}

/// The text with such things blotted out, as long as it was.
pub(super) fn without_secrets(text: &str) -> String {
    without_keys(&without_tokens(&without_webhooks(text)))
}

/// Without the paths of webhooks: who has such a URL can write to its channel.
fn without_webhooks(text: &str) -> String {
    const SCHEME: &str = "://";
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(SCHEME) {
        let host = at + SCHEME.len();
        let ends = |c: char| c.is_whitespace() || "\"'>`,]".contains(c);
        let end = rest[host..].find(ends).map_or(rest.len(), |end| host + end);
        let is_webhook = rest[host..end].to_ascii_lowercase().contains("hook");
        let path = rest[host..end].find('/').filter(|_| is_webhook).map_or(end, |slash| host + slash + 1);
        out += &rest[..path];
        out.extend(rest[path..end].bytes().map(|_| '*'));
        rest = &rest[end..];
    }
    out + rest
}

fn without_tokens(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((start, end)) = token(rest) {
        out += &rest[..start];
        out.extend(rest[start..end].bytes().map(|_| '*'));
        rest = &rest[end..];
    }
    out + rest
}

/// From the first mark of a private key on, whatever its lines are: letters and digits alone, so that lines stay lines.
fn without_keys(text: &str) -> String {
    let Some(start) = text.find(PEM) else { return text.to_owned() };
    let blot = |c: char| if c.is_ascii_alphanumeric() || "+/=".contains(c) { '*' } else { c };
    text[..start].chars().chain(text[start..].chars().map(blot)).collect()
}

/// Where the secret part of the first token is.
fn token(text: &str) -> Option<(usize, usize)> {
    let found = TOKENS.iter().flat_map(|prefix| text.match_indices(prefix));
    let spans = found.map(|(at, prefix)| {
        let start = at + prefix.len();
        let end = text[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        (start, end.map_or(text.len(), |end| start + end))
    });
    spans.filter(|(start, end)| end - start >= SHORTEST).min()
}

#[cfg(test)]
mod tests {
    use super::{is_credential, without_secrets};

    #[test]
    fn what_somebody_committed_is_blotted_out_wherever_it_stands() {
        for (text, shown) in [
            ("`https://hooks.slack.com/services/hush`", "`https://hooks.slack.com/*************`"),
            ("[\"https://discord.com/api/webhooks/hush\"]", "[\"https://discord.com/*****************\"]"),
            ("https://acme.webhook.office.com/hush is no bus", "https://acme.webhook.office.com/**** is no bus"),
            ("see https://example.com/guide, and a://hooks.x/y", "see https://example.com/guide, and a://hooks.x/*"),
            ("no URL", "no URL"),
            ("`ghp_16C7e42F292c6912E7710` is", "`ghp_*********************` is"),
            ("github_pat_11ABCDEFG0123456789_ab, ghs_x", "github_pat_**********************, ghs_x"),
            ("\"-----BEGIN RSA PRIVATE KEY-----\\nMIIE+/=\"", "\"-----***** *** ******* ***-----\\********\""),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn names_of_secrets_are_no_tokens() {
        for name in ["keyrota/github", "ghp_rotation", "github_pat_for_ci", "team/ghs_token"] {
            assert!(!is_credential(name), "{name}");
        }
    }
}
