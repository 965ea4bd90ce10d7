//! `fake::*`: made-up people, places and texts, drawn by the running user's own generator, so that a
//! seed is a run. What could reach somebody can't: e-mail goes to reserved domains.

use std::rc::Rc;

use fake::Fake;
use fake::faker::address::raw as address;
use fake::faker::company::raw as company;
use fake::faker::internet::raw as internet;
use fake::faker::lorem::raw as lorem;
use fake::faker::name::raw as name;
use fake::locales::EN;
use jiff::civil::Date;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use rhai::{EvalAltResult, INT, ImmutableString};

use super::super::error::HostError;
use super::super::registry::Registry;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// How a text is drawn.
type Draw = fn(&mut Pcg64Mcg) -> String;

/// Words that a text of so many can have.
const WORDS_MAX: INT = 10_000;

/// What is drawn without an argument: the call, what it gives, an example, the draw.
const TEXTS: [(&str, &str, &str, Draw); 29] = [
    ("fake::name()", "a person's whole name", "fake::name().contains(\" \") // true", |rng| {
        name::Name(EN).fake_with_rng(rng)
    }),
    ("fake::first_name()", "a first name", "fake::first_name().is_empty() // false", |rng| {
        name::FirstName(EN).fake_with_rng(rng)
    }),
    ("fake::last_name()", "a family name", "fake::last_name().is_empty() // false", |rng| {
        name::LastName(EN).fake_with_rng(rng)
    }),
    (
        "fake::email()",
        "an e-mail address at a domain that is reserved for examples (RFC 2606)",
        "fake::email().contains(\"@example.\") // true",
        email,
    ),
    ("fake::user_name()", "a name to log in by", "fake::user_name().contains(\" \") // false", |rng| {
        internet::Username(EN).fake_with_rng::<String, _>(rng).replace([' ', '\''], "")
    }),
    (
        "fake::password()",
        "a password of 12 to 20 characters",
        "fake::password().len() >= 12 // true",
        |rng| internet::Password(EN, 12..21).fake_with_rng(rng),
    ),
    (
        "fake::phone()",
        "a telephone number of the range that is kept for fiction",
        "fake::phone().starts_with(\"+1-\") // true",
        |rng| format!("+1-{}-555-01{:02}", rng.random_range(201..990), rng.random_range(0..100)),
    ),
    ("fake::job()", "what somebody does for a living", "fake::job().is_empty() // false", |rng| {
        fake::faker::job::raw::Title(EN).fake_with_rng(rng)
    }),
    ("fake::company()", "a company's name", "fake::company().is_empty() // false", |rng| {
        company::CompanyName(EN).fake_with_rng(rng)
    }),
    (
        "fake::catch_phrase()",
        "what a company says of itself",
        "fake::catch_phrase().is_empty() // false",
        |rng| company::CatchPhrase(EN).fake_with_rng(rng),
    ),
    ("fake::street()", "a house number and a street", "fake::street().contains(\" \") // true", |rng| {
        let number: u16 = rng.random_range(1..2_000);
        format!("{number} {}", address::StreetName(EN).fake_with_rng::<String, _>(rng))
    }),
    ("fake::city()", "a city", "fake::city().is_empty() // false", |rng| {
        address::CityName(EN).fake_with_rng(rng)
    }),
    ("fake::state()", "a state", "fake::state().is_empty() // false", |rng| {
        address::StateName(EN).fake_with_rng(rng)
    }),
    ("fake::zip()", "a postal code of five digits", "fake::zip().len() // 5", |rng| {
        format!("{:05}", rng.random_range(501..99_951))
    }),
    ("fake::country()", "a country", "fake::country().is_empty() // false", |rng| {
        address::CountryName(EN).fake_with_rng(rng)
    }),
    ("fake::country_code()", "a country in two letters", "fake::country_code().len() // 2", |rng| {
        address::CountryCode(EN).fake_with_rng(rng)
    }),
    ("fake::time_zone()", "a time zone", "fake::time_zone().contains(\"/\") // true", |rng| {
        address::TimeZone(EN).fake_with_rng(rng)
    }),
    ("fake::currency()", "a currency's code", "fake::currency().len() // 3", |rng| {
        fake::faker::currency::raw::CurrencyCode(EN).fake_with_rng(rng)
    }),
    ("fake::word()", "a word", "fake::word().contains(\" \") // false", |rng| {
        lorem::Word(EN).fake_with_rng(rng)
    }),
    ("fake::sentence()", "a sentence of 4 to 12 words", "fake::sentence().ends_with(\".\") // true", |rng| {
        lorem::Sentence(EN, 4..13).fake_with_rng(rng)
    }),
    ("fake::paragraph()", "a paragraph of 3 to 6 sentences", "fake::paragraph().len() > 20 // true", |rng| {
        lorem::Paragraph(EN, 3..7).fake_with_rng::<String, _>(rng).replace('\n', " ")
    }),
    ("fake::ip()", "an IPv4 address", "fake::ip().split(\".\").len() // 4", |rng| {
        std::net::Ipv4Addr::from(rng.random::<[u8; 4]>()).to_string()
    }),
    ("fake::ipv6()", "an IPv6 address", "fake::ipv6().contains(\":\") // true", |rng| {
        std::net::Ipv6Addr::from(rng.random::<[u8; 16]>()).to_string()
    }),
    ("fake::mac()", "a network card's address", "fake::mac().len() // 17", |rng| {
        rng.random::<[u8; 6]>().map(|byte| format!("{byte:02x}")).join(":")
    }),
    (
        "fake::domain()",
        "a domain that is reserved for examples",
        "fake::domain().contains(\".example.\") // true",
        |rng| format!("{}.example.{}", slug(rng), ending(rng)),
    ),
    (
        "fake::url()",
        "a web address at a domain that is reserved for examples",
        "fake::url().starts_with(\"https://\") // true",
        |rng| format!("https://{}.example.{}/{}/{}", slug(rng), ending(rng), slug(rng), slug(rng)),
    ),
    ("fake::user_agent()", "what a browser says it is", "fake::user_agent().is_empty() // false", |rng| {
        internet::UserAgent(EN).fake_with_rng(rng)
    }),
    (
        "fake::card_number()",
        "a card number of a test range with a right check digit; no card has it",
        "fake::card_number().len() // 16",
        card_number,
    ),
    ("fake::symbol()", "a stock's symbol of 3 to 4 letters", "fake::symbol().len() >= 3 // true", |rng| {
        let length = rng.random_range(3..=4);
        (0..length).map(|_| char::from(rng.random_range(b'A'..=b'Z'))).collect()
    }),
];

pub(super) fn register(registry: &mut Registry<'_>) {
    for (signature, about, example, draw) in TEXTS {
        let stage = Rc::clone(&registry.stage);
        registry.define(signature, about, move || draw(&mut stage.vu().rng.borrow_mut()));
        registry.example(example);
    }
    let stage = Rc::clone(&registry.stage);
    registry.define("fake::words(count)", "so many words", move |count: INT| -> Outcome<String> {
        let known = (0..=WORDS_MAX).contains(&count).then_some(count);
        let count = known.ok_or_else(|| {
            HostError::new(format!("`fake::words` takes a count from 0 to {WORDS_MAX}, not {count}"))
        })?;
        let vu = stage.vu();
        let mut rng = vu.rng.borrow_mut();
        let words: Vec<String> = (0..count).map(|_| lorem::Word(EN).fake_with_rng(&mut *rng)).collect();
        Ok(words.join(" "))
    });
    registry.example("fake::words(3).split(\" \").len() // 3");
    let stage = Rc::clone(&registry.stage);
    registry.define("fake::price()", "an amount from 1 to 1,000 with two decimals", move || {
        cents(&mut stage.vu().rng.borrow_mut(), 100, 100_000)
    });
    registry.example("fake::price() >= 1.0 // true");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "fake::price(min, max)",
        "an amount with two decimals, both ends included",
        move |min: rhai::Dynamic, max: rhai::Dynamic| -> Outcome<f64> {
            const NAME: &str = "fake::price";
            let min = to_cents(NAME, "min", &min)?;
            let max = to_cents(NAME, "max", &max)?;
            if min > max {
                return Err(HostError::new(format!("`{NAME}` takes the smaller amount first")).into());
            }
            Ok(cents(&mut stage.vu().rng.borrow_mut(), min, max))
        },
    );
    registry.takes("min", "number").takes("max", "number").example("fake::price(5, 5) // 5.0");
    dates(registry);
}

fn dates(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define("fake::date()", "a day from 1970 to 2029: \"1987-06-05\"", move || {
        day(&mut stage.vu().rng.borrow_mut(), Date::constant(1970, 1, 1), Date::constant(2029, 12, 31))
    });
    registry.example("fake::date().len() // 10");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "fake::date(first, last)",
        "a day from the first to the last, both included",
        move |first: ImmutableString, last: ImmutableString| -> Outcome<String> {
            let (first, last) = (to_day(&first)?, to_day(&last)?);
            if first > last {
                return Err(HostError::new("`fake::date` takes the earlier day first")
                    .hint(format!("write `fake::date(\"{last}\", \"{first}\")`"))
                    .into());
            }
            Ok(day(&mut stage.vu().rng.borrow_mut(), first, last))
        },
    );
    registry.example("fake::date(\"2026-11-24\", \"2026-11-24\") // \"2026-11-24\"");
}

fn slug(rng: &mut Pcg64Mcg) -> String {
    lorem::Word(EN).fake_with_rng(rng)
}

fn ending(rng: &mut Pcg64Mcg) -> &'static str {
    ["com", "net", "org"][rng.random_range(0..3)]
}

/// With a number, so that a thousand users are a thousand addresses, nearly.
fn email(rng: &mut Pcg64Mcg) -> String {
    let [first, last]: [String; 2] =
        [name::FirstName(EN).fake_with_rng(rng), name::LastName(EN).fake_with_rng(rng)];
    let number: u32 = rng.random_range(1..100_000);
    let local = format!("{first}.{last}{number}").to_lowercase();
    let local: String = local.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
    format!("{local}@example.{}", ending(rng))
}

/// 4000 00 is a range for tests; the last digit is by ISO/IEC 7812-1 (Luhn).
fn card_number(rng: &mut Pcg64Mcg) -> String {
    let mut digits: Vec<u32> = vec![4, 0, 0, 0, 0, 0];
    digits.extend((0..9).map(|_| rng.random_range(0..10_u32)));
    let sum: u32 = digits.iter().rev().enumerate().map(|(index, digit)| weigh(*digit, index % 2 == 0)).sum();
    digits.push((10 - sum % 10) % 10);
    digits.iter().filter_map(|digit| char::from_digit(*digit, 10)).collect()
}

fn weigh(digit: u32, doubled: bool) -> u32 {
    match (doubled, digit * 2) {
        (false, _) => digit,
        (true, twice @ 10..) => twice - 9,
        (true, twice) => twice,
    }
}

fn cents(rng: &mut Pcg64Mcg, min: i64, max: i64) -> f64 {
    rng.random_range(min..=max) as f64 / 100.0
}

fn to_cents(function: &str, name: &str, value: &rhai::Dynamic) -> Outcome<i64> {
    /// Cents up to here are exact in a number.
    const AMOUNT_MAX: f64 = 1e13;
    let amount = super::argument::to_finite(function, name, value)?;
    if amount.abs() > AMOUNT_MAX {
        return Err(HostError::new(format!("`{function}`: {amount} is too large for two decimals")).into());
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked above to be in range")]
    let cents = (amount * 100.0).round() as i64;
    Ok(cents)
}

fn to_day(text: &str) -> Outcome<Date> {
    Ok(text.parse().map_err(|_| {
        HostError::new(format!("`fake::date`: `{text}` is no day")).hint("write \"2026-11-24\"").word(text)
    })?)
}

fn day(rng: &mut Pcg64Mcg, first: Date, last: Date) -> String {
    let days = (last - first).get_days();
    let after = jiff::Span::new().days(rng.random_range(0..=days));
    first.checked_add(after).unwrap_or(last).to_string()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn rng() -> Pcg64Mcg {
        Pcg64Mcg::seed_from_u64(7)
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        for (signature, _, _, draw) in TEXTS {
            let (mut one, mut other) = (rng(), rng());
            let drawn: Vec<String> = (0..20).map(|_| draw(&mut one)).collect();
            assert_eq!(drawn, (0..20).map(|_| draw(&mut other)).collect::<Vec<_>>(), "{signature}");
            assert!(drawn.iter().any(|text| *text != drawn[0]), "{signature}: {drawn:?}");
            assert!(drawn.iter().all(|text| !text.is_empty()), "{signature}: {drawn:?}");
        }
    }

    #[test]
    fn card_numbers_have_the_right_last_digit() {
        // By the definition, from the right, the check digit included.
        for _ in 0..100 {
            let number = card_number(&mut rng());
            let digits: Vec<u32> = number.chars().map(|c| c.to_digit(10).unwrap()).collect();
            let sum: u32 = digits.iter().rev().enumerate().map(|(i, d)| weigh(*d, i % 2 == 1)).sum();
            assert_eq!(sum % 10, 0, "{number}");
        }
        let known: u32 = "4111111111111111"
            .chars()
            .rev()
            .enumerate()
            .map(|(i, c)| weigh(c.to_digit(10).unwrap(), i % 2 == 1))
            .sum();
        assert_eq!(known % 10, 0, "a number that is known to be right");
    }

    #[test]
    fn days_and_amounts_stay_within_their_ends() {
        let mut rng = rng();
        let (first, last) = (to_day("2024-02-28").unwrap(), to_day("2024-03-01").unwrap());
        let days: std::collections::BTreeSet<String> = (0..100).map(|_| day(&mut rng, first, last)).collect();
        assert_eq!(days.into_iter().collect::<Vec<_>>(), ["2024-02-28", "2024-02-29", "2024-03-01"]);
        assert!((0..100).all(|_| (1.0..=1.02).contains(&cents(&mut rng, 100, 102))));
        let (first, last) = (to_day("-009999-01-01").unwrap(), to_day("9999-12-31").unwrap());
        assert!(!day(&mut rng, first, last).is_empty());
    }

    #[test]
    fn what_the_examples_say_holds_of_every_draw() {
        let mut rng = rng();
        let mut draw = |signature: &str| {
            let (.., draw) = TEXTS.iter().find(|(known, ..)| *known == signature).unwrap();
            draw(&mut rng)
        };
        for _ in 0..2_000 {
            assert_eq!(draw("fake::country_code()").len(), 2);
            assert_eq!(draw("fake::currency()").len(), 3);
            assert_eq!(draw("fake::zip()").len(), 5);
            assert!(draw("fake::name()").contains(' '));
            assert!(draw("fake::time_zone()").contains('/'));
            assert!(!draw("fake::user_name()").contains(' '));
            assert!(!draw("fake::word()").contains(' '));
            assert!(draw("fake::sentence()").ends_with('.'));
            assert!(draw("fake::paragraph()").len() > 20);
            let password = draw("fake::password()");
            assert!((12..=20).contains(&password.chars().count()), "{password}");
            let email = draw("fake::email()");
            assert!(email.is_ascii() && email.matches('@').count() == 1 && !email.contains(".@"), "{email}");
            let url = draw("fake::url()");
            assert!(url::Url::parse(&url).is_ok_and(|url| url.host_str().is_some()), "{url}");
        }
    }
}
