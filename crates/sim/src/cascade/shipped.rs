//! The scenarios that the program carries with it.

use interlock_engine::text::FileError;

use super::scenario::{Scenario, Setting};

/// A scenario that the program carries with it.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// What it models, and what to look at.
    pub readme: &'static str,
    files: &'static [(&'static str, &'static str)],
}

macro_rules! shipped {
    ($name:literal, $($file:literal),+) => {
        Shipped {
            name: $name,
            readme: include_str!(concat!("../../scenarios/", $name, "/README.md")),
            files: &[$((
                $file,
                include_str!(concat!("../../scenarios/", $name, "/", $file)),
            )),+],
        }
    };
}

/// All of them.
pub const SHIPPED: &[Shipped] = &[
    shipped!("collective-lock", "scenario.toml", "policy.toml"),
    shipped!("limit-zeroed-after-settlement", "scenario.toml", "policy.toml"),
    shipped!("overdue-forgotten", "scenario.toml", "policy.toml"),
    shipped!("frozen-account", "scenario.toml", "policy.toml"),
    shipped!("limit-cut-after-repayment", "scenario.toml", "policy.toml"),
    shipped!("one-platform-fault", "scenario.toml", "policy.toml"),
    shipped!("herding", "scenario.toml", "policy.toml"),
    shipped!("industry", "scenario.toml", "policy.toml"),
];

impl Shipped {
    /// The shipped scenario of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SHIPPED.iter().find(|shipped| shipped.name == name)
    }

    /// Its files: name and text.
    pub const fn files(&self) -> &'static [(&'static str, &'static str)] {
        self.files
    }

    /// The text of one of its files.
    pub fn file(&self, name: &str) -> Option<&'static str> {
        self.files.iter().find(|(file, _)| *file == name).map(|(_, text)| *text)
    }

    /// Reads it, with settings.
    ///
    /// # Errors
    /// [`FileError`] for settings that do not fit.
    pub fn read(&self, settings: &[Setting]) -> Result<Scenario, FileError> {
        let text_of = |name: &str| {
            self.file(name).map(ToOwned::to_owned).ok_or_else(|| {
                let names: Vec<&str> = self.files.iter().map(|(file, _)| *file).collect();
                format!("expected a file of the scenario {}: {}", self.name, names.join(", "))
            })
        };
        let file = format!("{}/scenario.toml", self.name);
        let text = text_of("scenario.toml").unwrap_or_default();
        Scenario::parse(&file, &text, settings, &text_of)
    }
}
