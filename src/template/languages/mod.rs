//! The languages of mail: a folder each, with its templates and the words that dates are written with.

use chrono::{DateTime, Datelike, Utc};

use crate::notice::{Kind, NO_ADDRESS};

/// What a language brings along. A mail that it lacks does not compile.
pub(super) struct Words {
    /// What the language is called in English.
    pub name: &'static str,
    /// January first.
    pub months: [&'static str; 12],
    /// Writes a day of a month of a year.
    pub day: fn(u32, &str, i32) -> String,
    /// What stands below every mail: who sends it, and what it never asks for.
    pub foot: &'static str,
    /// Why an owner could not be told who has no address.
    pub no_address: &'static str,
    /// What introduces an error in the words of AWS, which are English.
    pub in_words_of_aws: &'static str,
    /// The template of each kind of mail.
    pub mails: Mails,
}

/// Declares the languages: the variant, the tag that manifests know it by, and its folder.
macro_rules! languages {
    ($($(#[$attribute:meta])* $name:ident = $tag:literal in $folder:ident,)+) => {
        $(mod $folder;)+

        /// The language of mail.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[expect(missing_docs, reason = "a language is its name")]
        pub enum Language {
            $($(#[$attribute])* $name,)+
        }

        impl Language {
            /// All of them, keyrota's default first.
            pub const ALL: [Self; [$($tag),+].len()] = [$(Self::$name),+];

            /// The primary subtag of BCP 47, e.g. `es`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $tag,)+
                }
            }

            fn words(self) -> &'static Words {
                match self {
                    $(Self::$name => &$folder::WORDS,)+
                }
            }
        }
    };
}

languages! {
    #[default]
    English = "en" in en,
    Spanish = "es" in es,
    Portuguese = "pt" in pt,
}

/// Declares the mails: the kind and the file in each language's folder.
macro_rules! mails {
    ($($kind:ident $field:ident = $file:literal,)+) => {
        /// The templates of one language.
        pub(super) struct Mails {
            $($field: &'static str,)+
        }

        impl Mails {
            fn of(&self, kind: Kind) -> &'static str {
                match kind {
                    $(Kind::$kind => self.$field,)+
                }
            }
        }

        /// The templates in the folder of the file that calls this.
        macro_rules! templates_here {
            () => {
                $crate::template::languages::Mails { $($field: include_str!(concat!($file, ".jinja")),)+ }
            };
        }
        use templates_here;
    };
}

mails! {
    Rotated rotated = "rotated",
    Retiring retiring = "retiring",
    StillInUse still_in_use = "still-in-use",
    Deactivated deactivated = "deactivated",
    Deleted deleted = "deleted",
    Blocked blocked = "blocked",
    Upcoming upcoming = "upcoming",
    Digest digest = "digest",
}

impl Language {
    /// The language that a tag of BCP 47 names, whatever its region (`es-MX`).
    pub fn named(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|language| language.as_str().eq_ignore_ascii_case(primary))
    }

    /// What the language is called in English.
    pub fn name(self) -> &'static str {
        self.words().name
    }

    /// What stands below every mail.
    pub(super) fn foot(self) -> &'static str {
        self.words().foot
    }

    /// keyrota's template of a kind of mail.
    pub(super) fn mail(self, kind: Kind) -> &'static str {
        self.words().mails.of(kind)
    }

    /// `30 November 2026`, `30 de noviembre de 2026`.
    pub(super) fn day(self, time: DateTime<Utc>) -> String {
        let words = self.words();
        (words.day)(time.day(), words.months[time.month0() as usize], time.year())
    }

    /// Why somebody else is told than the owner.
    pub(super) fn because(self, why: &str) -> String {
        match why {
            NO_ADDRESS => self.words().no_address.to_owned(),
            error => self.in_words_of_aws(error),
        }
    }

    /// An error, of which the mail says in its own language whose words they are.
    pub(super) fn in_words_of_aws(self, error: &str) -> String {
        format!("{} {error}", self.words().in_words_of_aws).trim_start().to_owned()
    }

    /// The day and the minute.
    pub(super) fn minute(self, time: DateTime<Utc>) -> String {
        format!("{}, {} UTC", self.day(time), time.format("%H:%M"))
    }
}
