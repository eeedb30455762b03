//! What the clients of a thousand accounts take: each is entered by a role, and its users and secrets are listed. AWS is a server of
//! this process, which answers no more than that takes.

use std::{
    io::{BufReader, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use keyrota::{
    cloud::{
        Reads,
        aws::{Settings, Target, connect_with},
    },
    manifest::{DeclaredAccount, Source},
};
use secrecy::SecretString;

use crate::loopback::{Request, listen, request};

/// Enters so many accounts, calls each, and gives its clients back if that is asked for; tells how many answered.
pub async fn call_all(accounts: usize, gives_back: bool) -> usize {
    let endpoint = format!("http://{}", listen(&Arc::new(()), |stream, ()| serve(&stream)));
    let target = Target {
        endpoint,
        region: "eu-west-1".to_owned(),
        access_key: "999988887777".to_owned(),
        secret_key: SecretString::from("any"),
    };
    let settings = Settings { target: Some(target), patience: Duration::ZERO, ..Settings::default() };
    let declared: Vec<(String, DeclaredAccount)> = (0..accounts)
        .map(|number| {
            let (id, source) = (super::id(number), Source { file: "m".into(), line: 1 });
            let role = Some("keyrota".to_owned());
            (
                number.to_string(),
                DeclaredAccount { source, id, role, region: None, external_id: None, membership: None },
            )
        })
        .collect();
    let declared: Vec<(String, &DeclaredAccount)> = declared.iter().map(|(name, one)| (name.clone(), one)).collect();
    let connected = connect_with(&settings, &declared).await.expect("they are entered");
    let mut answered = 0;
    for account in &connected.accounts {
        answered += usize::from(account.access_keys("u").await.is_ok() && account.secrets().await.is_ok());
        if gives_back {
            account.give_back();
        }
    }
    answered
}

/// Answers until the connection ends. The key that signs is the account's id, as the role's credentials have it.
fn serve(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    while let Some(Request { headers, body, .. }) = request(&mut reader) {
        let signed = headers.get("authorization").map(String::as_str).unwrap_or_default();
        let account = signed.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
        let form = String::from_utf8_lossy(&body);
        let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)).unwrap_or_default();
        let answer = match field("Action=") {
            "AssumeRole" => {
                let id = field("RoleArn=").split("%3A").nth(4).unwrap_or_default();
                format!(
                    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
                     <SecretAccessKey>any</SecretAccessKey><SessionToken>any</SessionToken>\
                     <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
                )
            }
            "GetCallerIdentity" => format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{account}:role/keyrota</Arn>\
                 <UserId>x</UserId><Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
            ),
            "ListAccessKeys" => "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata/>\
                                 <IsTruncated>false</IsTruncated></ListAccessKeysResult></ListAccessKeysResponse>"
                .to_owned(),
            _ => "{\"SecretList\":[]}".to_owned(),
        };
        let kind = if answer.starts_with('<') { "text/xml" } else { "application/x-amz-json-1.1" };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", answer.len());
        if (&mut &*stream).write_all((head + &answer).as_bytes()).is_err() {
            return;
        }
    }
}
