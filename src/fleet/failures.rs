//! What Step Functions writes of the children of a Distributed Map that failed (`ResultWriter`, `FAILED_0.json` and so on): why
//! an account has no result.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::untrusted::printable;

/// One child.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Child {
    /// The event that the function was to get, as text.
    input: Option<String>,
    error: Option<String>,
    cause: Option<String>,
    status: Option<String>,
}

/// A cause takes no more than so many characters.
const LONGEST: usize = 500;

/// The causes in one of those files, by the ids of accounts.
///
/// # Errors
/// It is something else.
pub fn causes(text: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let children: Vec<Child> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let one = |child: Child| {
        let input: Value = serde_json::from_str(child.input.as_deref()?).ok()?;
        let id = input["account"]["id"].as_str()?.to_owned();
        let words: Vec<String> = [child.error.or(child.status), child.cause.map(|cause| in_words(&cause))]
            .into_iter()
            .flatten()
            .filter(|word| !word.is_empty())
            .collect();
        let cause: String = printable(&words.join(": ")).chars().take(LONGEST).collect();
        Some((id, cause))
    };
    Ok(children.into_iter().filter_map(one).collect())
}

/// What Lambda says is JSON within.
fn in_words(cause: &str) -> String {
    let message = serde_json::from_str::<Value>(cause).ok();
    let message = message.as_ref().and_then(|cause| cause["errorMessage"].as_str());
    message.unwrap_or(cause).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_found_by_account() {
        // As "ResultWriter (Map)" in the developer guide of Step Functions has it.
        let text = r#"[
          {"ExecutionArn":"arn:aws:states:eu-west-1:999988887777:execution:keyrota/Accounts:a","Input":"{\"mode\":\"enforce\",\"step\":\"account\",\"run\":\"r\",\"account\":{\"id\":\"111122223333\"}}",
           "Name":"a","StartDate":"2026-11-23T08:00:00Z","StateMachineArn":"x","Status":"FAILED","StopDate":"2026-11-23T08:15:00Z",
           "Error":"Sandbox.Timedout","Cause":"{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: 1 Error: Task timed out after 900.00 seconds\"}"},
          {"Input":"{\"account\":{\"id\":\"444455556666\"}}","Status":"ABORTED"},
          {"Input":"nonsense","Status":"FAILED"}
        ]"#;
        let causes = causes(text.as_bytes()).expect("a list");
        assert_eq!(
            causes.into_iter().collect::<Vec<_>>(),
            [
                (
                    "111122223333".to_owned(),
                    "Sandbox.Timedout: RequestId: 1 Error: Task timed out after 900.00 seconds".to_owned()
                ),
                ("444455556666".to_owned(), "ABORTED".to_owned()),
            ]
        );
        assert!(super::causes(b"{}").is_err());
    }
}
