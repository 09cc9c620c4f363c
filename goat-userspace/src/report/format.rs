//! The formats by name, as `goat report --format` and `/report?format=` have them.

use super::{
    Order, Report, UnknownComponent, badge, cobertura, cover_profile, github,
    html::{self, Page},
    json, junit, lcov, markdown, sarif, text,
};
use crate::{plan::ProbePlan, style::Style};

/// A format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each is what its module says")]
pub enum Format {
    Text,
    Json,
    Markdown,
    Html,
    CoverProfile,
    Lcov,
    Cobertura,
    Sarif,
    Junit,
    Github,
    Badge,
}

/// Why a report can't be shown as asked for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatError {
    /// There is no such component.
    #[error(transparent)]
    UnknownComponent(#[from] UnknownComponent),
    /// The format shows what only the plan knows.
    #[error("{} needs the plan: {}", .0.as_str(), .0.needs())]
    NoPlan(Format),
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Text,
        Self::Json,
        Self::Markdown,
        Self::Html,
        Self::CoverProfile,
        Self::Lcov,
        Self::Cobertura,
        Self::Sarif,
        Self::Junit,
        Self::Github,
        Self::Badge,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::CoverProfile => "cover-profile",
            Self::Lcov => "lcov",
            Self::Cobertura => "cobertura",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Github => "github",
            Self::Badge => "badge",
        }
    }

    /// The format of that name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }

    /// Its media type. XML that no browser should render is text for people, as the reports of other tools are.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text | Self::CoverProfile | Self::Lcov | Self::Github => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Sarif => "application/sarif+json",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Cobertura | Self::Junit => "application/xml",
            Self::Badge => "image/svg+xml",
        }
    }

    /// Whether it says more with a plan, or nothing without.
    pub fn uses_plan(self) -> bool {
        matches!(self, Self::Markdown | Self::Html | Self::CoverProfile | Self::Sarif)
    }

    /// What a format that can't do without the plan takes from it.
    fn needs(self) -> &'static str {
        match self {
            Self::Html => "it shows the lines of the change",
            Self::CoverProfile => "it names packages by their import path",
            _ => "nothing",
        }
    }

    /// The components of `report` that `list` names, as [`Report::points`] reads it, in this format; JSON holds all of them
    /// for the empty list, so that it can be read again. Where a plan only adds to what is shown, it may be missing.
    pub fn render(
        self,
        report: &Report,
        list: &str,
        plan: Option<&ProbePlan>,
        style: Style,
    ) -> Result<String, FormatError> {
        let points = report.points(list)?;
        let needed = || plan.ok_or(FormatError::NoPlan(self));
        Ok(match self {
            Self::Text if list.is_empty() => text::render(report, style),
            Self::Text => text::components(report, &points.components, style),
            Self::Json => json::render(report, &report.select(list)?, Order::IdAscending) + "\n",
            Self::Markdown => markdown::render(&points, plan),
            Self::Html => {
                let (plan, component) = (needed()?, points.components.first().copied());
                html::render(&Page { plan, report, component, status: None, live: None })
            }
            Self::CoverProfile => cover_profile::render(&points, needed()?),
            Self::Lcov => lcov::render(&points),
            Self::Cobertura => cobertura::render(&points),
            Self::Sarif => sarif::render(&points, plan) + "\n",
            Self::Junit => junit::render(&points),
            Self::Github => github::render(&points),
            Self::Badge => badge::render(&points),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::{DataType, counts::Counts, plan::sample, report};

    #[test]
    fn names_are_read_as_they_are_written() {
        for format in Format::ALL {
            assert_eq!(Format::from_word(format.as_str()), Some(format));
        }
        assert_eq!(Format::from_word("JSON"), None);
    }

    #[test]
    fn only_two_formats_can_do_nothing_without_a_plan() {
        let plan = sample::plan();
        let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        for format in Format::ALL {
            let shown = format.render(&report, "", None, Style::PLAIN);
            let needs = matches!(format, Format::Html | Format::CoverProfile);
            assert_eq!(shown.is_err(), needs, "{format:?}");
            assert!(format.render(&report, "", Some(&plan), Style::PLAIN).is_ok(), "{format:?}");
            let error = format.render(&report, "nosuch", Some(&plan), Style::PLAIN).unwrap_err().to_string();
            assert_eq!(error, "no component \"nosuch\": there are cmd/shopctl, cmd/shopd");
        }
    }

    #[test]
    fn every_format_shows_the_component_asked_for() {
        let plan = sample::plan();
        let report = report::new(&plan, &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        for format in Format::ALL {
            let shown = |list| format.render(&report, list, Some(&plan), Style::PLAIN).unwrap();
            assert_ne!(shown("cmd/shopctl"), shown("cmd/shopd"), "{format:?}");
            assert_eq!(shown("0"), shown("cmd/shopctl"), "{format:?}");
        }
    }

    #[test]
    fn json_holds_every_component_unless_one_is_asked_for() {
        let report = report::new(&sample::plan(), &Counts::none(3, UNIX_EPOCH), DataType::Bool);
        let text = Format::Json.render(&report, "", None, Style::PLAIN).unwrap();
        assert_eq!(report::read::report(&text).unwrap(), report);
    }
}
