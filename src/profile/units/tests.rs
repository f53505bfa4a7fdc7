use super::*;
use proptest::prelude::*;

fn refused<T: FromStr<Err = String> + fmt::Debug>(text: &str) -> String {
    text.parse::<T>().expect_err(text)
}

#[test]
fn a_size_is_1024_based_with_or_without_ib_and_bare_it_is_bytes() {
    for (text, bytes) in [("64K", 65536), ("64KiB", 65536), ("2G", 2 << 30), ("1.5GiB", 3 << 29), ("0", 0), ("17", 17)]
    {
        assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
    }
}

#[test]
fn a_decimal_suffix_is_refused_as_ambiguous() {
    assert_eq!(refused::<Size>("64KB"), "KB is ambiguous, write 64KiB (1024-based)");
    assert_eq!(refused::<Size>("2gb"), "gb is ambiguous, write 2GiB (1024-based)");
}

#[test]
fn what_is_not_a_size_is_refused() {
    for text in ["", "K", "-1", "1.", ".5K", "1.5", "1 K", "64k", "1..5K", "99999999T", "1K1K", "lots"] {
        refused::<Size>(text);
    }
}

#[test]
fn durations_combine_units_from_the_largest_down() {
    for (text, us) in [
        ("500ms", 500_000),
        ("1.5s", 1_500_000),
        ("1h30m", 5_400_000_000),
        ("2m0.5s", 120_500_000),
        ("0s", 0),
        ("7us", 7),
    ] {
        assert_eq!(text.parse(), Ok(Duration(us)), "{text}");
    }
}

#[test]
fn a_duration_without_a_unit_is_refused_and_the_message_offers_one() {
    assert_eq!(refused::<Duration>("30"), "a unit is missing, write 30s, 30ms or 30m");
}

#[test]
fn what_is_not_a_duration_is_refused() {
    for text in ["", "s", "-1s", "1s1h", "1s1s", "1 s", "0.1us", "1d", "1h30", "99999999999999999h", "\u{e9}s"] {
        refused::<Duration>(text);
    }
}

#[test]
fn a_mode_is_three_or_four_octal_digits() {
    assert_eq!("0755".parse(), Ok(Mode(0o755)));
    assert_eq!("1777".parse(), Ok(Mode(0o1777)));
    for text in ["", "755x", "0o755", "888", "07", "17777", "+755"] {
        refused::<Mode>(text);
    }
}

#[test]
fn a_limit_is_a_number_or_the_word_unlimited() {
    assert_eq!("unlimited".parse(), Ok(Limit::<u64>::Unlimited));
    assert_eq!("16".parse(), Ok(Limit::At(16u64)));
    assert_eq!(refused::<Limit<u64>>("none"), "neither a number nor the word unlimited");
    assert_eq!(refused::<Limit<Duration>>("30"), "a unit is missing, write 30s, 30ms or 30m");
}

#[test]
fn a_number_of_processors_has_at_most_three_decimals() {
    for (text, milli) in
        [("1", 1000), ("0.01", 10), ("0.5", 500), ("1.25", 1250), ("2.125", 2125), ("999999.999", 999_999_999)]
    {
        assert_eq!(text.parse(), Ok(Cpus(milli)), "{text}");
    }
    for text in [
        "", ".5", "1.", "01", "00.5", "1.2345", "1.5000", "1000000", "1e3", "1 ", "+1", "-1", "1.+5", "1.5.5", "inf",
        "1K",
    ] {
        refused::<Cpus>(text);
    }
    assert_eq!(refused::<Cpus>("0.009"), "too little to run on, the least is 0.01");
}

#[test]
fn a_weight_is_what_the_kernel_takes() {
    for (text, weight) in [("1", 1), ("100", 100), ("10000", 10_000)] {
        assert_eq!(text.parse(), Ok(Weight(weight)));
    }
    for text in ["", "0", "10001", "-1", "+1", "1.5", "1e2", "99999999999999999999", "unlimited"] {
        refused::<Weight>(text);
    }
}

proptest! {
    #[test]
    fn a_number_of_processors_reads_back_as_displayed(milli in 10u64..1_000_000_000) {
        prop_assert_eq!(Cpus(milli).to_string().parse(), Ok(Cpus(milli)));
    }

    #[test]
    fn a_size_reads_back_as_displayed(bytes: u64, shift in 0u32..64) {
        let size = Size(bytes >> shift << (shift / 2));
        prop_assert_eq!(size.to_string().parse(), Ok(size));
    }

    #[test]
    fn a_duration_reads_back_as_displayed(us: u64, shift in 0u32..64) {
        let duration = Duration(us >> shift);
        prop_assert_eq!(duration.to_string().parse(), Ok(duration));
    }

    #[test]
    fn a_mode_reads_back_as_displayed(bits in 0u32..0o10000) {
        prop_assert_eq!(Mode(bits).to_string().parse(), Ok(Mode(bits)));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,12}") {
        let _ = (text.parse::<Size>(), text.parse::<Duration>(), text.parse::<Mode>(), text.parse::<Limit<u64>>());
        let _ = (text.parse::<Cpus>(), text.parse::<Weight>());
    }
}
