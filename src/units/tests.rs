//! Units: what is read, what is refused, and round trips.

use super::*;
use proptest::prelude::*;

fn duration(text: &str) -> Duration {
    parse_duration(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn complaint<T: fmt::Debug>(result: Result<T, UnitError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn durations_are_read_exactly() {
    assert_eq!(duration("30s"), Duration::from_secs(30));
    assert_eq!(duration("250ms"), Duration::from_millis(250));
    assert_eq!(duration("1h30m"), Duration::from_mins(90));
    assert_eq!(duration("1.5s"), Duration::from_millis(1500));
    assert_eq!(duration("100us"), Duration::from_micros(100));
    assert_eq!(duration("100µs"), duration("100μs"), "the micro sign and the Greek letter");
    assert_eq!(duration("500ns"), Duration::from_nanos(500));
    assert_eq!(duration("2d"), Duration::from_hours(48));
    assert_eq!(duration("0.1s"), Duration::from_millis(100), "not the nearest float");
    assert_eq!(duration(" .5s "), Duration::from_millis(500));
    assert_eq!(duration("0s"), Duration::ZERO);
    assert_eq!(duration("1m0.000000001s"), Duration::new(60, 1));
}

#[test]
fn a_bad_duration_says_what_is_wrong_and_how_to_write_it() {
    let complain = |text| complaint(parse_duration(text));
    insta::assert_snapshot!(complain("30"), @r#"`30` has no unit: write "30s" or "30ms""#);
    insta::assert_snapshot!(complain("1.5"), @r#"`1.5` has no unit: write "1.5s" or "1.5ms""#);
    insta::assert_snapshot!(complain(""), @r#"the text is empty: write a duration such as "30s", "250ms" or "1h30m""#);
    insta::assert_snapshot!(complain("-1s"), @r#"`-1s` is negative: write a duration such as "30s", "250ms" or "1h30m""#);
    insta::assert_snapshot!(complain("ms"), @r#"`ms` has no number before the unit: write a duration such as "30s", "250ms" or "1h30m""#);
    insta::assert_snapshot!(complain("3 parsecs"), @r#"`3 parsecs` has an unknown unit: write a duration such as "30s", "250ms" or "1h30m""#);
    insta::assert_snapshot!(complain("30m1h"), @r#"`30m1h` does not go from the larger unit to the smaller: write a duration such as "30s", "250ms" or "1h30m""#);
    insta::assert_snapshot!(complain("0.5ns"), @r#"`0.5ns` is finer than the smallest unit: write a duration such as "30s", "250ms" or "1h30m""#);
    insta::assert_snapshot!(complain("99999999999999999999999d"), @r#"`99999999999999999999999d` is too large: write a duration such as "30s", "250ms" or "1h30m""#);
    assert!(parse_duration("1h30").is_err(), "a last part without a unit");
    assert!(parse_duration("1.2.3s").is_err());
    assert!(parse_duration("5s5s").is_err());
}

#[test]
fn durations_print_as_people_write_them() {
    for text in [
        "0s", "1ns", "500ns", "1.5µs", "250ms", "1.001ms", "1.5s", "59.999s", "1m", "1m30s", "1h30m", "2d",
        "1d1s",
    ] {
        assert_eq!(format_duration(duration(text)), text);
    }
    assert_eq!(format_duration(duration("90m")), "1h30m");
    assert_eq!(format_duration(duration("1500ms")), "1.5s");
}

#[test]
fn latencies_of_a_column_share_a_unit_and_can_be_told_apart() {
    let column = |us: &[f64]| format_latencies_us(us).join(" ");
    assert_eq!(column(&[]), "");
    assert_eq!(column(&[83.0]), "83µs");
    assert_eq!(column(&[83.0, 160.0, 999.0]), "83µs 160µs 999µs");
    assert_eq!(column(&[83.0, 583.0, 1_083.0]), "0.08ms 0.58ms 1.08ms");
    assert_eq!(column(&[1_120.0, 2_240.0, 12_320.0]), "1.1ms 2.2ms 12.3ms");
    assert_eq!(column(&[1_000_000.0, 1_000_900.0]), "1.00000s 1.00090s");
    assert_eq!(column(&[1_000_000.0, 31_000_000.0]), "1s 31s");
}

#[test]
fn latencies_have_three_significant_digits() {
    let cases = [
        (0.0, "0µs"),
        (0.25, "250ns"),
        (182.0, "182µs"),
        (2_410.0, "2.41ms"),
        (999.6, "1.00ms"),
        (12_345.0, "12.3ms"),
        (999_499.0, "999ms"),
        (999_500.0, "1.00s"),
        (1_200_000.0, "1.20s"),
        (59_940_000.0, "59.9s"),
        (59_960_000.0, "1m"),
        (90_000_000.0, "1m30s"),
        (3_599_700_000.0, "1h"),
        (5_430_000_000.0, "1h31m"),
        (-2_410.0, "-2.41ms"),
        (f64::NAN, "–"),
    ];
    for (us, text) in cases {
        assert_eq!(format_latency_us(us), text, "{us} µs");
    }
}

#[test]
fn sizes_are_read_and_printed() {
    assert_eq!(parse_size("512B"), Ok(512));
    assert_eq!(parse_size("10MB"), Ok(10_000_000));
    assert_eq!(parse_size("10MiB"), Ok(10 << 20));
    assert_eq!(parse_size("1.5 KiB"), Ok(1536));
    insta::assert_snapshot!(complaint(parse_size("10")), @r#"`10` has no unit: write "10B" or "10MB""#);
    insta::assert_snapshot!(complaint(parse_size("10Mb")), @r#"`10Mb` has an unknown unit: write a size such as "512B", "10MB" or "10MiB""#);
    insta::assert_snapshot!(complaint(parse_size("0.3B")), @r#"`0.3B` is finer than the smallest unit: write a size such as "512B", "10MB" or "10MiB""#);
    for (bytes, text) in [
        (0.0, "0 B"),
        (67.0, "67 B"),
        (999.0, "999 B"),
        (999.7, "1.00 KB"),
        (12_345_678.0, "12.3 MB"),
        (5e15, "5000 TB"),
    ] {
        assert_eq!(format_size(bytes), text);
    }
}

#[test]
fn rates_are_read_per_second() {
    assert_eq!(parse_rate("200/s"), Ok(200.0));
    assert_eq!(parse_rate("12000/m"), Ok(200.0));
    assert_eq!(parse_rate("50 / 10s"), Ok(5.0));
    insta::assert_snapshot!(complaint(parse_rate("200")), @r#"`200` names no period: write "200/s" or "200/m""#);
    insta::assert_snapshot!(complaint(parse_rate("200/")), @r#"`200/` names no period: write a rate such as "200/s" or "12000/m""#);
    insta::assert_snapshot!(complaint(parse_rate("200/q")), @r#"`200/q` has an unknown unit: write a rate such as "200/s" or "12000/m""#);
    assert!(parse_rate("1/0s").is_err(), "an endless rate");
    assert_eq!(format_rate(4.1666), "4.17/s");
}

#[test]
fn percentages_are_read_as_shares() {
    assert_eq!(parse_percent("80%"), Ok(0.8));
    assert_eq!(parse_percent("0.5 %"), Ok(0.005));
    assert_eq!(parse_percent("150%"), Ok(1.5));
    insta::assert_snapshot!(complaint(parse_percent("80")), @r#"`80` has no percent sign: write "80%""#);
    insta::assert_snapshot!(complaint(parse_percent("x%")), @r#"`x%` has no number before the unit: write a percentage such as "80%""#);
}

#[test]
fn a_percentage_never_rounds_to_perfection() {
    for (share, text) in [
        (0.9993, "99.93%"),
        (0.9996, "99.96%"),
        (0.999_99, ">99.99%"),
        (0.999_999_9, ">99.99%"),
        (1.0, "100.00%"),
        (1.000_001, "100.01%"),
        (0.8, "80.00%"),
        (0.0, "0.00%"),
        (-0.0, "0.00%"),
        (0.000_001, "<0.01%"),
        (f64::NAN, "–"),
    ] {
        assert_eq!(format_percent(share), text, "{share}");
    }
}

#[test]
fn three_digits_are_significant_and_whole_ones_stay() {
    for (value, text) in [
        (0.0, "0"),
        (0.001_234, "0.00123"),
        (1.2, "1.20"),
        (9.996, "10.0"),
        (45.67, "45.7"),
        (123_456.7, "123457"),
        (-1.5, "-1.50"),
    ] {
        assert_eq!(format_significant(value), text);
    }
}

#[test]
fn counts_keep_their_thousands_apart() {
    for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(format_count(count), text);
    }
}

proptest! {
    #[test]
    fn a_printed_duration_reads_back(seconds in any::<u64>(), nanos in 0u32..1_000_000_000) {
        let duration = Duration::new(seconds, nanos);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn a_printed_short_duration_reads_back(nanos in 0u64..100_000_000_000) {
        let duration = Duration::from_nanos(nanos);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in "[0-9.µa-zA-Z/% -]{0,30}") {
        let _ = (parse_duration(&text), parse_size(&text), parse_rate(&text), parse_percent(&text));
    }

    #[test]
    fn a_printed_latency_is_within_half_a_percent(us in 0.001f64..59_000_000.0) {
        let back = parse_duration(&format_latency_us(us)).unwrap().as_secs_f64() * 1e6;
        prop_assert!((back - us).abs() <= us * 0.005 + 0.000_6, "{} printed as {}", us, format_latency_us(us));
    }

    #[test]
    fn a_printed_percentage_reads_back(hundredths in 1u32..9_999) {
        let share = f64::from(hundredths) / 10_000.0;
        let back = parse_percent(&format_percent(share)).unwrap();
        prop_assert!((back - share).abs() < 1e-9);
    }
}

#[test]
fn a_unit_in_words_is_told_as_it_is_written() {
    for (text, written) in
        [("10 minutes", "write \"10m\""), ("5 sec", "write \"5s\""), ("250 Milliseconds", "write \"250ms\"")]
    {
        assert_eq!(parse_duration(text).unwrap_err().advice(), written);
    }
    assert_eq!(
        parse_duration("5 parsecs").unwrap_err().advice(),
        "write a duration such as \"30s\", \"250ms\" or \"1h30m\""
    );
}

#[test]
fn amounts_are_counts_where_they_are_whole_or_large() {
    for (amount, text) in [
        (0.0, "0"),
        (0.05, "0.0500"),
        (50.0, "50"),
        (99.5, "99.5"),
        (1_000.4, "1,000"),
        (50_000.0, "50,000"),
        (-2.0, "-2.00"),
        (f64::NAN, "–"),
    ] {
        assert_eq!(format_amount(amount), text);
    }
    assert!(format_amount(1e300).starts_with('1'));
}
