//! The grammar: what is a query, and what an error says of what isn't.

use super::parse::{Condition, Metric, Query, parse};

/// Query, its type.
const GOOD: [(&str, &str); 20] = [
    ("GET PRICE FOR AAPL", "get"),
    ("get price for aapl", "get"),
    ("GET PRICE, VOLUME FOR AAPL, MSFT", "get"),
    ("GET SMA(20d), RSI(14d) FOR BTC", "get"),
    ("GET PRICE FOR EUR/USD", "get"),
    ("ANALYZE AAPL FOR TECHNICALS", "analyze"),
    ("ANALYZE AAPL, TSLA FOR SENTIMENT, RISK", "analyze"),
    ("  ANALYZE\tNVDA\nFOR FUNDAMENTALS ", "analyze"),
    ("COMPARE AAPL, MSFT BY PRICE, VOLUME", "compare"),
    ("COMPARE BTC,ETH,SOL BY RETURN(1y)", "compare"),
    ("EVALUATE TSLA: PRICE, VOLATILITY(30d)", "evaluate"),
    ("EVALUATE JPM : BETA", "evaluate"),
    ("FIND STOCKS WITH PRICE > 200", "find"),
    ("FIND COINS WITH CHANGE >= -5% AND VOLATILITY(2w) < 3.5%", "find"),
    ("FIND ASSETS WITH MARKET_CAP > 1000000000", "find"),
    ("TRACK BTC WHEN PRICE > 100000", "track"),
    ("TRACK AAPL, TSLA WHEN CHANGE < -2% AND RSI(14d) <= 30", "track"),
    ("CORRELATE BTC WITH ETH WINDOW 90d", "correlate"),
    ("CORRELATE BTC WITH ETH", "correlate"),
    ("CORRELATE EURUSD WITH GBPUSD WINDOW 36h", "correlate"),
];

/// What is no query, and the whole message.
const BAD: [(&str, &str); 20] = [
    (
        "",
        "expected one of GET, ANALYZE, COMPARE, EVALUATE, FIND, TRACK, CORRELATE at position 1, found the end of the query",
    ),
    (
        "SELECT PRICE",
        "expected one of GET, ANALYZE, COMPARE, EVALUATE, FIND, TRACK, CORRELATE at position 1, found `SELECT`",
    ),
    (
        "GET",
        "expected one of PRICE, CHANGE, VOLUME, VOLATILITY, RETURN, SMA, RSI, BETA, MARKET_CAP at position 4, found the end of the query",
    ),
    (
        "GET COST FOR AAPL",
        "expected one of PRICE, CHANGE, VOLUME, VOLATILITY, RETURN, SMA, RSI, BETA, MARKET_CAP at position 5, found `COST`",
    ),
    ("GET PRICE AAPL", "expected `FOR` at position 11, found `AAPL`"),
    ("GET PRICE FOR", "expected a symbol at position 14, found the end of the query"),
    ("GET PRICE FOR 5", "expected a symbol at position 15, found `5`"),
    ("GET PRICE FOR AAPL,", "expected a symbol at position 20, found the end of the query"),
    ("GET PRICE FOR AAPL MSFT", "expected the end of the query at position 20, found `MSFT`"),
    ("GET PRICE FOR AAPL;", "expected a word, a number or a mark at position 19, found `;`"),
    (
        "ANALYZE AAPL FOR MAGIC",
        "expected one of TECHNICALS, FUNDAMENTALS, SENTIMENT, RISK at position 18, found `MAGIC`",
    ),
    ("COMPARE AAPL BY PRICE", "expected `,` at position 14, found `BY`"),
    ("EVALUATE TSLA PRICE", "expected `:` at position 15, found `PRICE`"),
    (
        "EVALUATE TSLA: VOLATILITY(30)",
        "expected a window such as `30d` (h, d, w, m, y; at most 10 years) at position 27, found `30`",
    ),
    ("EVALUATE TSLA: VOLATILITY(30d", "expected `)` at position 30, found the end of the query"),
    (
        "FIND WHALES WITH PRICE > 1",
        "expected one of ASSETS, STOCKS, COINS, PAIRS at position 6, found `WHALES`",
    ),
    (
        "FIND STOCKS WITH PRICE 200",
        "expected a comparison (`>`, `>=`, `<`, `<=`, `=`, `!=`) at position 24, found `200`",
    ),
    ("TRACK BTC WHEN PRICE > HIGH", "expected a number at position 24, found `HIGH`"),
    ("TRACK BTC WHEN PRICE ! 5", "expected `!=` at position 22, found `!`"),
    (
        "CORRELATE BTC WITH ETH WINDOW 99y",
        "expected a window such as `30d` (h, d, w, m, y; at most 10 years) at position 31, found `99y`",
    ),
];

#[test]
fn good_queries_are_read() {
    for (text, kind) in GOOD {
        match parse(text) {
            Ok(query) => assert_eq!(query.kind(), kind, "{text}"),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

#[test]
fn bad_queries_say_where_and_what_was_expected() {
    for (text, message) in BAD {
        match parse(text) {
            Ok(query) => panic!("{text} was read as {query:?}"),
            Err(error) => assert_eq!(error.to_string(), message, "{text}"),
        }
    }
}

#[test]
fn the_tree_holds_what_was_said() {
    let metric = |name, days| Metric { name, days };
    assert_eq!(
        parse("evaluate tsla: price, volatility(2w)").unwrap(),
        Query::Evaluate {
            symbol: "TSLA".to_owned(),
            metrics: vec![metric("PRICE", 30), metric("VOLATILITY", 14)]
        }
    );
    let conditions = vec![
        Condition { metric: metric("CHANGE", 30), operator: "<", bound: -2.5 },
        Condition { metric: metric("RSI", 14), operator: ">=", bound: 70.0 },
    ];
    assert_eq!(
        parse("TRACK EUR/USD WHEN CHANGE < -2.5% AND RSI(14d) >= 70").unwrap(),
        Query::Track { symbols: vec!["EURUSD".to_owned()], conditions }
    );
    assert_eq!(
        parse("CORRELATE BTC WITH ETH WINDOW 36h").unwrap(),
        Query::Correlate { left: "BTC".to_owned(), right: "ETH".to_owned(), days: 2 }
    );
}

#[test]
fn sizes_are_bounded() {
    let symbols = vec!["AAPL"; 51].join(",");
    let error = parse(&format!("GET PRICE FOR {symbols}")).unwrap_err();
    assert_eq!(error.to_string(), "expected at most 50 symbols at position 15, found 51 symbols");
    assert!(
        parse(&"é".repeat(2_001)).unwrap_err().to_string().starts_with("expected at most 2000 characters")
    );
    assert!(parse("GET PRICE FOR ABCDEFGHIJKLMNOPQ").is_err());
}

proptest::proptest! {
    /// No text makes the parser panic, and an error points into the text or just past it.
    #[test]
    fn any_text_is_read_or_refused(text in "[A-Z0-9 ,:()<>=!%.é-]{0,60}") {
        if let Err(error) = parse(&text) {
            proptest::prop_assert!((1..=text.chars().count() + 1).contains(&error.position), "{error}");
        }
    }
}
