//! The exit code of each kind of failure: one exhaustive table, which the process ends by and what is kept of a run
//! says too.

use super::Code;

/// Exit codes by what weighs more, when several apply: whose fault it is comes before what was measured.
const BY_WEIGHT: [u8; 9] = [109, 107, 100, 101, 108, 112, 105, 111, 99];

/// The exit code of a kind of failure.
pub fn exit_code(code: Code) -> u8 {
    match code {
        Code::Usage => 2,
        Code::Target | Code::Preflight => 99,
        Code::SetupTimeout => 100,
        Code::TeardownTimeout => 101,
        Code::Plan => 104,
        Code::Interrupted => 105,
        Code::Control => 106,
        Code::Script | Code::Setup | Code::Teardown => 107,
        Code::Aborted => 108,
        Code::Bug => 109,
        Code::Inconclusive => 111,
        Code::Results => 112,
        Code::Other => 1,
    }
}

/// The weightiest exit code; those outside of a run's own weigh most. None of no failure.
pub fn worst_exit_code(codes: &[Code]) -> Option<u8> {
    let weight = |code: &u8| BY_WEIGHT.iter().position(|known| known == code).map_or(0, |place| place + 1);
    codes.iter().map(|code| exit_code(*code)).min_by_key(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(codes: &[Code]) -> u8 {
        worst_exit_code(codes).unwrap()
    }

    #[test]
    fn the_weightiest_failure_gives_the_code() {
        assert_eq!(worst(&[Code::Target, Code::Script]), 107);
        assert_eq!(worst(&[Code::Script, Code::Bug, Code::Target]), 109);
        assert_eq!(worst(&[Code::Target, Code::Interrupted]), 105);
        assert_eq!(worst(&[Code::TeardownTimeout, Code::Target]), 101);
        assert_eq!(worst(&[Code::Target]), 99);
        assert_eq!(worst_exit_code(&[]), None);
    }

    /// A code for each exit code of a run, in the order that the design gives them.
    const IN_ORDER: [Code; 9] = [
        Code::Bug,
        Code::Script,
        Code::SetupTimeout,
        Code::TeardownTimeout,
        Code::Aborted,
        Code::Results,
        Code::Interrupted,
        Code::Inconclusive,
        Code::Target,
    ];

    #[test]
    fn of_any_two_the_weightier_wins_in_either_order() {
        let numbers = [109, 107, 100, 101, 108, 112, 105, 111, 99];
        for (above, code) in IN_ORDER.iter().enumerate() {
            for below in &IN_ORDER[above..] {
                assert_eq!(worst(&[*code, *below]), numbers[above], "{code:?} and {below:?}");
                assert_eq!(worst(&[*below, *code]), numbers[above], "{below:?} and {code:?}");
            }
        }
    }
}
