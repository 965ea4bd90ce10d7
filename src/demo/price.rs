//! The world that the demo knows: 18 symbols and a price for each at any moment.
//!
//! A price is a pure function of (seed, symbol, time): a base that several waves move. So it always
//! moves, history and present agree, and a run can be repeated.

use serde::Serialize;

/// What a symbol stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Class {
    Equity,
    Crypto,
    Forex,
}

impl Class {
    pub(super) fn name(self) -> &'static str {
        match self {
            Class::Equity => "equity",
            Class::Crypto => "crypto",
            Class::Forex => "forex",
        }
    }
}

/// One known symbol.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) symbol: &'static str,
    pub(super) name: &'static str,
    pub(super) class: Class,
    /// The price around which it moves, in its quote currency.
    pub(super) base: f64,
    /// How far the waves carry it, as a share of the base.
    pub(super) swing: f64,
    /// Units in existence, for the market value; 0 for a currency pair.
    pub(super) supply: f64,
    pub(super) decimals: u8,
}

const fn equity(symbol: &'static str, name: &'static str, base: f64, swing: f64, supply: f64) -> Asset {
    Asset { symbol, name, class: Class::Equity, base, swing, supply, decimals: 2 }
}

const fn coin(symbol: &'static str, name: &'static str, base: f64, supply: f64, decimals: u8) -> Asset {
    Asset { symbol, name, class: Class::Crypto, base, swing: 0.12, supply, decimals }
}

const fn pair(symbol: &'static str, name: &'static str, base: f64, decimals: u8) -> Asset {
    Asset { symbol, name, class: Class::Forex, base, swing: 0.01, supply: 0.0, decimals }
}

/// Every symbol, by class.
pub(super) const ASSETS: [Asset; 18] = [
    equity("AAPL", "Apple Inc.", 228.0, 0.03, 15.1e9),
    equity("MSFT", "Microsoft Corporation", 431.0, 0.03, 7.4e9),
    equity("GOOGL", "Alphabet Inc.", 176.0, 0.04, 12.3e9),
    equity("AMZN", "Amazon.com, Inc.", 201.0, 0.04, 10.5e9),
    equity("TSLA", "Tesla, Inc.", 342.0, 0.07, 3.2e9),
    equity("META", "Meta Platforms, Inc.", 566.0, 0.04, 2.5e9),
    equity("NVDA", "NVIDIA Corporation", 141.0, 0.06, 24.5e9),
    equity("JPM", "JPMorgan Chase & Co.", 245.0, 0.02, 2.8e9),
    coin("BTC", "Bitcoin", 91_000.0, 19.8e6, 2),
    coin("ETH", "Ethereum", 3_150.0, 120.4e6, 2),
    coin("SOL", "Solana", 238.0, 474.0e6, 2),
    coin("ADA", "Cardano", 0.79, 35.1e9, 4),
    coin("XRP", "XRP", 1.12, 57.0e9, 4),
    coin("DOGE", "Dogecoin", 0.39, 146.9e9, 5),
    pair("EURUSD", "Euro / US Dollar", 1.054, 5),
    pair("GBPUSD", "Pound Sterling / US Dollar", 1.262, 5),
    pair("USDJPY", "US Dollar / Japanese Yen", 154.5, 3),
    pair("AUDUSD", "Australian Dollar / US Dollar", 0.648, 5),
];

/// The waves of every price: period in seconds, share of the swing.
const WAVES: [(f64, f64); 5] =
    [(47.0, 0.04), (601.0, 0.10), (10_007.0, 0.16), (93_001.0, 0.30), (2_111_111.0, 0.40)];

const DAY_SECONDS: f64 = 86_400.0;

/// The asset with this symbol, as [`normalise`] gives it.
pub(super) fn find(symbol: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.symbol == symbol)
}

/// A symbol as the demo keys it: upper case, no slash. `None` if it can't be a symbol.
pub(super) fn normalise(text: &str) -> Option<String> {
    const LENGTH_MAX: usize = 16;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '=' | '/');
    let text = text.trim();
    if text.is_empty() || text.len() > LENGTH_MAX || !text.chars().all(legal) {
        return None;
    }
    let symbol: String = text.chars().filter(|c| *c != '/').map(|c| c.to_ascii_uppercase()).collect();
    (!symbol.is_empty()).then_some(symbol)
}

/// One bar of a price history.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Bar {
    pub(super) open: f64,
    pub(super) high: f64,
    pub(super) low: f64,
    pub(super) close: f64,
    pub(super) volume: u64,
}

/// The prices of all assets under one seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Market {
    seed: u64,
}

impl Market {
    pub(super) fn new(seed: u64) -> Market {
        Market { seed }
    }

    /// The price at `at` seconds since the Unix epoch.
    pub(super) fn price(self, asset: &Asset, at: f64) -> f64 {
        let mut drift = 0.0;
        for (wave, (period, share)) in (0_u64..).zip(WAVES) {
            let phase = unit(mix(self.seed, asset.symbol, wave));
            drift += share * asset.swing * ((at / period + phase) * std::f64::consts::TAU).sin();
        }
        round(asset.base * drift.exp(), asset.decimals)
    }

    /// Change over the day before `at`, in per cent.
    pub(super) fn change_percent(self, asset: &Asset, at: f64) -> f64 {
        let before = self.price(asset, at - DAY_SECONDS);
        round((self.price(asset, at) / before - 1.0) * 100.0, 3)
    }

    /// The bar of the `seconds` that begin at `start`.
    pub(super) fn bar(self, asset: &Asset, start: f64, seconds: f64) -> Bar {
        const LOOKS: u32 = 8;
        let looks = (0..=LOOKS).map(|n| self.price(asset, start + seconds * f64::from(n) / f64::from(LOOKS)));
        let (high, low) = looks.fold((f64::MIN, f64::MAX), |(high, low), p| (high.max(p), low.min(p)));
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds of this millennium")]
        let noise = mix(self.seed, asset.symbol, (start as i64).cast_unsigned());
        let volume = 1_000_000 + noise % 9_000_000;
        Bar { open: self.price(asset, start), high, low, close: self.price(asset, start + seconds), volume }
    }

    /// Closing prices of the `count` days up to `at`, oldest first.
    pub(super) fn daily_closes(self, asset: &Asset, at: f64, count: u32) -> Vec<f64> {
        (0..count).rev().map(|day| self.price(asset, at - DAY_SECONDS * f64::from(day))).collect()
    }

    /// A fixed trait of an asset in `0..1`, by a name for the trait.
    pub(super) fn share(self, asset: &Asset, name: &str) -> f64 {
        unit(mix(self.seed ^ mix(0, name, 0), asset.symbol, 0))
    }
}

/// `value` with that many decimals.
pub(super) fn round(value: f64, decimals: u8) -> f64 {
    let scale = 10_f64.powi(i32::from(decimals));
    (value * scale).round() / scale
}

/// FNV-1a over the text, then `SplitMix64`'s finish: cheap, stable between versions and platforms.
fn mix(seed: u64, text: &str, salt: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for byte in text.bytes().chain(salt.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The top 53 bits as a number in `0..1`.
fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: f64 = 1_800_000_000.0;

    #[test]
    fn there_are_eight_equities_six_coins_and_four_pairs() {
        let count = |class| ASSETS.iter().filter(|asset| asset.class == class).count();
        assert_eq!([Class::Equity, Class::Crypto, Class::Forex].map(count), [8, 6, 4]);
    }

    #[test]
    fn a_price_repeats_under_its_seed_and_moves_with_time() {
        let (one, same, other) = (Market::new(1), Market::new(1), Market::new(2));
        for asset in &ASSETS {
            assert!((one.price(asset, NOON) - same.price(asset, NOON)).abs() < f64::EPSILON);
            let price = |seconds: i32| one.price(asset, NOON + f64::from(seconds));
            let moved = (0..40).any(|seconds| (price(seconds) - price(0)).abs() > f64::EPSILON);
            assert!(moved, "{} stands still", asset.symbol);
            assert!(one.price(asset, NOON) > 0.0);
        }
        assert!((one.price(&ASSETS[0], NOON) - other.price(&ASSETS[0], NOON)).abs() > f64::EPSILON);
    }

    #[test]
    fn a_bar_holds_its_open_and_close() {
        let market = Market::new(7);
        for asset in &ASSETS {
            let bar = market.bar(asset, NOON, DAY_SECONDS);
            assert!(bar.low <= bar.open.min(bar.close) && bar.open.max(bar.close) <= bar.high, "{bar:?}");
        }
    }

    #[test]
    fn symbols_are_normalised() {
        assert_eq!(normalise(" eur/usd "), Some("EURUSD".to_owned()));
        assert_eq!(normalise("brk.b"), Some("BRK.B".to_owned()));
        for bad in ["", "  ", "/", "A B", "AAPL;", "ABCDEFGHIJKLMNOPQ", "日経"] {
            assert_eq!(normalise(bad), None, "{bad}");
        }
    }
}
