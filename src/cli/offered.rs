//! What each command offers of the options that all have: what means nothing to it, or what it refuses, its help does not show.

use clap::{
    Arg, Command, CommandFactory, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::args::{Cli, Format};

/// Those that look at no manifests.
const DOCUMENTS: [&str; 3] = ["schema", "completions", "man"];

/// The command line, with the help of each command as it is.
pub fn command() -> Command {
    let whole = Cli::command();
    let common: Vec<Arg> = whole.get_arguments().filter(|argument| argument.is_global_set()).cloned().collect();
    let names: Vec<String> = whole.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(whole, |whole, name| {
        let own: Vec<Arg> = common.iter().filter_map(|argument| own(&name, argument)).collect();
        whole.mut_subcommand(&name, |command| command.args(own))
    })
}

/// The formats of a command.
pub fn formats(command: &str) -> &'static [Format] {
    use Format::{Csv, Github, Html, Ics, Json, Markdown, Text};
    match command {
        "forecast" => &[Text, Json, Csv, Ics, Github],
        "report" => &[Text, Json, Html, Csv, Github],
        "explain" | "schema" | "export" | "init" | "capture" | "doctor" | "package" => &[Text, Json, Github],
        "mail" | "completions" | "man" => &[Text, Github],
        _ => &[Text, Json, Markdown, Github],
    }
}

/// The option as this command has it, where that is not as all have it.
fn own(command: &str, argument: &Arg) -> Option<Arg> {
    let id = argument.get_id().as_str();
    if id == "format" {
        let formats = formats(command);
        let values = Format::value_variants().iter().filter_map(|format| {
            let value = format.to_possible_value()?;
            // It is read all the same, so that what is wrong can be said better.
            Some(value.hide(!formats.contains(format)))
        });
        let parser = PossibleValuesParser::new(values)
            .map(|name| Format::from_str(&name, false).expect("only names of formats are accepted"));
        return Some(argument.clone().value_parser(parser));
    }
    let nobody: &[&str] = match id {
        "manifests" => &[],
        "sandbox" => &["check", "package", "export"],
        "accounts" | "role_suffix" => &["init", "check", "package", "export"],
        "at" => &["init", "capture", "doctor", "package"],
        _ => return None,
    };
    (nobody.contains(&command) || DOCUMENTS.contains(&command)).then(|| argument.clone().hide(true))
}
