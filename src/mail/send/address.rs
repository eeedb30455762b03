//! To an address, by SES.

use std::collections::BTreeMap;

use crate::{
    cloud::{Message, Writes},
    inventory::CallError,
    notice::Sender,
    template::Text,
};

pub(super) async fn send(
    cloud: &dyn Writes,
    sender: &Sender,
    tags: &BTreeMap<String, String>,
    text: &Text,
    address: &str,
) -> Result<(), CallError> {
    let Text { subject, text, html } = text.clone();
    let (sender, tags, to) = (sender.clone(), tags.clone(), address.to_owned());
    cloud.send_mail(&Message { sender, tags, to, subject, text, html }).await
}
