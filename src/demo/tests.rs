//! Every endpoint over a real socket: status and shape; caches, tasks and counts that are true.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The JSON inside the string of a tool's answer.
    fn inner(&self) -> Value {
        serde_json::from_str(self.json()["content"][0]["text"].as_str().unwrap()).unwrap()
    }
}

/// One request on a connection of its own.
fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: demo\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "closed inside the head: {lines:?}");
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Reply { status, headers, text }
}

fn get(demo: &Demo, path: &str) -> Reply {
    send(demo.address(), "GET", path, "")
}

fn post(demo: &Demo, path: &str, body: &Value) -> Reply {
    send(demo.address(), "POST", path, &body.to_string())
}

fn call(demo: &Demo, name: &str, arguments: Value) -> Reply {
    let reply = post(demo, "/mcp/tools/call", &json!({ "name": name, "arguments": arguments }));
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply
}

/// Short latencies, so that a test takes milliseconds.
fn quick() -> DemoOptions {
    DemoOptions {
        provider_latency_ms: 1..4,
        model_latency_ms: 1..3,
        step_latency_ms: 1..3,
        ..DemoOptions::default()
    }
}

fn demo() -> Demo {
    Demo::start(quick()).unwrap()
}

/// The sum of all series of a name whose labels hold `part`.
fn counted(text: &str, name: &str, part: &str) -> u64 {
    let series = text.lines().filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(part));
    series.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_price_is_a_miss_and_then_a_hit_with_a_json_body_on_a_get() {
    let demo = demo();
    let ask = || send(demo.address(), "GET", "/mcp/tools/get_price", r#"{"symbol":"aapl"}"#);
    let (first, second) = (ask(), ask());
    assert_eq!((first.status, first.header("x-cache")), (200, Some("MISS")), "{}", first.text);
    assert_eq!((second.status, second.header("x-cache")), (200, Some("HIT")));
    assert_eq!(second.header("content-type"), Some("application/json"));
    let (first, second) = (first.json(), second.json());
    assert_eq!((&first["cached"], &first["cache_layer"]), (&json!(false), &Value::Null));
    assert_eq!((&second["cached"], &second["cache_layer"]), (&json!(true), &json!("l1")));
    for field in ["symbol", "price", "change", "source", "timestamp", "confidence"] {
        assert_eq!(first[field], second[field], "{field}");
        assert!(!first[field].is_null(), "{field}: {first}");
    }
    assert!(second["price"].as_f64().unwrap() > 0.0);
    assert!((1..=30).contains(&second["ttl"].as_u64().unwrap()), "{second}");
    let at: jiff::Timestamp = second["timestamp"].as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(at);
    assert!(age.as_secs_f64().abs() < 300.0, "{second}");
}

#[test]
fn a_price_expires_from_both_layers() {
    let options =
        DemoOptions { l1_ttl: Duration::from_millis(1), l2_ttl: Duration::from_millis(400), ..quick() };
    let demo = Demo::start(options).unwrap();
    let layer = || get(&demo, "/mcp/tools/get_price?symbol=BTC").json()["cache_layer"].clone();
    let started = Instant::now();
    assert_eq!(layer(), Value::Null);
    std::thread::park_timeout(Duration::from_millis(20));
    let second = layer();
    // A machine that stalled for longer than the life of L2 proves nothing.
    if started.elapsed() < Duration::from_millis(300) {
        assert_eq!(second, json!("l2"));
    }
    let end = Instant::now() + Duration::from_millis(450);
    while Instant::now() < end {
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(layer(), Value::Null);
}

#[test]
fn concurrent_misses_ask_a_provider_once() {
    let demo = Demo::start(DemoOptions { provider_latency_ms: 200..201, ..quick() }).unwrap();
    let address = demo.address();
    let asks: Vec<_> = (0..20)
        .map(|_| std::thread::spawn(move || send(address, "GET", "/mcp/tools/get_price?symbol=ETH", "")))
        .collect();
    let replies: Vec<_> = asks.into_iter().map(|ask| ask.join().unwrap()).collect();
    assert!(replies.iter().all(|reply| reply.status == 200));
    let misses = replies.iter().filter(|reply| reply.header("x-cache") == Some("MISS")).count();
    let text = get(&demo, "/metrics/").text;
    assert!(counted(&text, "fiml_provider_requests_total", "price") == 1, "{text}");
    assert!(
        counted(&text, "fiml_cache_operations_total", r#"layer="l2",status="miss""#) == misses as u64,
        "{text}"
    );
    let summary = get(&demo, "/api/metrics/cache").json();
    assert_eq!(summary["coalesced"], json!(misses - 1), "{summary}");
}

#[test]
fn a_price_can_be_asked_of_one_provider_and_in_batches() {
    let demo = demo();
    let named = post(&demo, "/mcp/tools/get_price", &json!({ "symbol": "MSFT", "provider": "tickerhub" }));
    assert_eq!(named.json()["source"], "tickerhub", "{}", named.text);
    let unknown = post(&demo, "/mcp/tools/get_price", &json!({ "symbol": "MSFT", "provider": "nobody" }));
    assert_eq!(unknown.status, 400, "{}", unknown.text);
    let batch = post(&demo, "/mcp/tools/get_price", &json!({ "symbols": ["AAPL", "BTC", "TEST1234"] }));
    let body = batch.json();
    assert_eq!((&body["count"], body["errors"].as_array().unwrap().len()), (&json!(2), 1), "{body}");
    assert_eq!(body["prices"][1]["symbol"], "BTC");
    assert_eq!(batch.header("x-cache"), Some("MISS"));
}

#[test]
fn an_unknown_symbol_is_looked_up_each_time() {
    let demo = demo();
    for calls in 1..=2_u32 {
        let reply = get(&demo, "/mcp/tools/get_price?symbol=TEST1000");
        assert_eq!((reply.status, reply.header("x-cache")), (404, Some("MISS")));
        let text = get(&demo, "/metrics/").text;
        assert!(counted(&text, "fiml_provider_requests_total", "not_found") == u64::from(calls), "{text}");
    }
}

#[test]
fn providers_that_fail_make_a_503() {
    let demo = Demo::start(DemoOptions { provider_failure_share: 1.0, ..quick() }).unwrap();
    assert_eq!(get(&demo, "/mcp/tools/get_price?symbol=AAPL").status, 503);
}

#[test]
fn a_bad_body_is_a_422_as_fastapi_writes_it() {
    let demo = demo();
    for (path, body, loc) in [
        ("/dsl/execute", "{\"q\":1}", json!(["body", "query"])),
        ("/dsl/execute", "", json!(["body"])),
        ("/mcp/tools/get_price", "{}", json!(["body", "symbol"])),
        ("/mcp/tools/get_price", "{\"symbol\":1}", json!(["body", "symbol"])),
        ("/mcp/tools/generate_narrative", "{\"symbol\":\"AAPL\",\"style\":\"x\"}", json!(["body", "style"])),
        ("/mcp/tools/call", "{\"arguments\":{}}", json!(["body", "name"])),
    ] {
        let reply = send(demo.address(), "POST", path, body);
        assert_eq!(reply.status, 422, "{path} {body}: {}", reply.text);
        let fault = &reply.json()["detail"][0];
        assert_eq!(fault["loc"], loc, "{fault}");
        assert!(fault["msg"].is_string() && fault["type"].is_string());
    }
    let broken = send(demo.address(), "POST", "/dsl/execute", "{\"query\": ");
    assert_eq!((broken.status, &broken.json()["detail"][0]["type"]), (422, &json!("json_invalid")));
}

#[test]
fn health_says_what_each_part_is() {
    let demo = demo();
    for path in ["/health", "/health/db", "/health/cache", "/health/providers"] {
        let reply = get(&demo, path);
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("healthy")), "{path}");
    }
    get(&demo, "/mcp/tools/get_price?symbol=AAPL&provider=marketwire");
    let all = get(&demo, "/health/providers").json();
    assert_eq!((&all["total_providers"], &all["healthy_providers"]), (&json!(3), &json!(3)));
    let one = get(&demo, "/health/providers/marketwire").json();
    assert_eq!(
        (&one["is_healthy"], &one["success_rate"], &one["requests"]),
        (&json!(true), &json!(1.0), &json!(1))
    );
    assert!(one["avg_latency_ms"].as_f64().unwrap() >= 1.0 && one["uptime_percent"] == 100.0, "{one}");
    assert_eq!(get(&demo, "/health/providers/nobody").status, 404);
}

#[test]
fn the_market_has_prices_candles_assets_and_a_search() {
    let demo = demo();
    let prices = get(&demo, "/api/market/prices?symbols=AAPL,TSLA").json();
    assert_eq!(prices["prices"][1]["symbol"], "TSLA");
    for bad in ["/api/market/prices".to_owned(), format!("/api/market/prices?symbols={}", "AAPL,".repeat(51))]
    {
        assert_eq!(get(&demo, &bad).status, 400, "{bad}");
    }
    let candles = get(&demo, "/api/market/candles/BTC?interval=1h&limit=5").json();
    assert_eq!((&candles["count"], candles["candles"][4]["open"].is_f64()), (&json!(5), true), "{candles}");
    let asset = get(&demo, "/api/market/assets/EURUSD").json();
    assert_eq!((&asset["class"], asset["price"].is_f64()), (&json!("forex"), true), "{asset}");
    assert_eq!(get(&demo, "/api/market/assets/TEST1").status, 404);
    let found = get(&demo, "/api/market/search?q=bit").json();
    assert_eq!((&found["count"], &found["results"][0]["symbol"]), (&json!(1), &json!("BTC")));
    assert_eq!(get(&demo, "/api/market/search").status, 422);
}

#[test]
fn analyses_are_made_once_and_then_cached() {
    let demo = demo();
    for (path, field) in [
        ("/mcp/tools/get_market_data?symbol=AAPL&days=30", "history"),
        ("/mcp/tools/generate_narrative?symbol=AAPL&style=detailed", "narrative"),
        ("/mcp/tools/analyze_sentiment?symbol=AAPL", "sentiment"),
        ("/mcp/tools/get_fundamentals?symbol=AAPL", "pe_ratio"),
    ] {
        let (first, second) = (get(&demo, path), get(&demo, path));
        assert_eq!(
            (first.header("x-cache"), second.header("x-cache")),
            (Some("MISS"), Some("HIT")),
            "{path}"
        );
        let (first, second) = (first.json(), second.json());
        assert!(!first[field].is_null() && first[field] == second[field], "{first}");
    }
    let text = get(&demo, "/metrics/").text;
    assert!(text.contains(r#"fiml_narrative_generation_seconds_count{style="detailed"} 1"#), "{text}");
    assert_eq!(
        get(&demo, "/mcp/tools/get_market_data?symbol=AAPL&days=30").json()["history"][29]["date"]
            .as_str()
            .unwrap()
            .len(),
        10
    );
}

#[test]
fn a_portfolio_is_the_sum_of_its_holdings() {
    let demo = demo();
    let body =
        json!({ "holdings": [{ "symbol": "AAPL", "quantity": 10 }, { "symbol": "BTC", "quantity": 0.5 }] });
    let portfolio = post(&demo, "/mcp/tools/analyze_portfolio", &body).json();
    let price = |symbol: &str| {
        get(&demo, &format!("/mcp/tools/get_price?symbol={symbol}")).json()["price"].as_f64().unwrap()
    };
    let expected = price("AAPL") * 10.0 + price("BTC") * 0.5;
    assert!((portfolio["total_value"].as_f64().unwrap() - expected).abs() < 0.01, "{portfolio}");
    let again = post(&demo, "/mcp/tools/analyze_portfolio", &body);
    assert_eq!((again.header("x-cache"), &again.json()["cached"]), (Some("HIT"), &json!(true)));
}

#[test]
fn tools_are_listed_and_called() {
    let demo = demo();
    let tools = get(&demo, "/mcp/tools").json();
    let names: Vec<_> =
        tools["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!((names.len(), names[0]), (7, "search-by-symbol"));
    let found = call(&demo, "search-by-symbol", json!({ "symbol": "AAPL", "depth": "deep" })).inner();
    assert!(found["cached"]["price"].is_f64() && found["task"]["id"].is_string(), "{found}");
    assert!(
        found["analysis"]["sentiment"].is_string() && found["narrative"]["narrative"].is_string(),
        "{found}"
    );
    assert_eq!(call(&demo, "search-by-coin", json!({ "coin": "bitcoin" })).inner()["symbol"], "BTC");
    let session =
        call(&demo, "create-analysis-session", json!({ "name": "mine", "symbols": ["AAPL"] })).inner();
    let list = call(&demo, "list-sessions", json!({})).inner();
    assert_eq!(list["sessions"][0]["sessionId"], session["sessionId"]);
    let warm = call(&demo, "warm-cache", json!({ "symbols": ["AAPL", "SOL", "TEST1"] })).inner();
    assert_eq!((&warm["warmed"], &warm["already_cached"]), (&json!(1), &json!(1)), "{warm}");
    assert_eq!(warm["failed"][0]["symbol"], "TEST1");
    for (tool, arguments) in [
        ("no-such-tool", json!({})),
        ("search-by-symbol", json!({ "symbol": "TEST1" })),
        ("get-task-status", json!({ "taskId": "x" })),
    ] {
        let reply = call(&demo, tool, arguments);
        assert_eq!(reply.json()["isError"], json!(true), "{}", reply.text);
    }
}

#[test]
fn a_query_runs_at_once_or_as_a_task_that_ends() {
    let demo = demo();
    for text in [
        "GET PRICE FOR AAPL",
        "ANALYZE AAPL FOR TECHNICALS",
        "COMPARE AAPL, MSFT BY PRICE, VOLUME",
        "EVALUATE TSLA: PRICE, VOLATILITY(30d)",
        "FIND STOCKS WITH PRICE > 200",
        "TRACK BTC WHEN PRICE > 1",
        "CORRELATE BTC WITH ETH WINDOW 90d",
    ] {
        let done = post(&demo, "/dsl/execute", &json!({ "query": text })).json();
        assert_eq!((&done["status"], done["result"].is_object()), (&json!("completed"), true), "{done}");
    }
    let failed = post(&demo, "/mcp/tools/execute_dsl", &json!({ "query": "GET COST FOR AAPL" }));
    assert_eq!(
        (failed.status, &failed.json()["status"], &failed.json()["error"]["position"]),
        (200, &json!("failed"), &json!(5))
    );
    let checked = post(&demo, "/mcp/tools/validate_dsl", &json!({ "query": "TRACK BTC" })).json();
    assert_eq!((&checked["valid"], &checked["error"]["expected"]), (&json!(false), &json!("`WHEN`")));
    assert_eq!(
        post(&demo, "/mcp/tools/validate_dsl", &json!({ "query": "GET PRICE FOR BTC" })).json()["valid"],
        json!(true)
    );

    let end = |query: &str| {
        let begun = call(&demo, "execute-fk-dsl", json!({ "query": query, "async": true })).inner();
        assert_eq!(begun["status"], "queued", "{begun}");
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let task = call(&demo, "get-task-status", json!({ "taskId": begun["taskId"] })).inner();
            if task["status"] == "completed" || task["status"] == "failed" || Instant::now() > until {
                return task;
            }
        }
    };
    let completed = end("COMPARE AAPL, MSFT BY PRICE");
    assert_eq!(completed["status"], "completed");
    assert_eq!(completed["task"]["result"]["result"]["ranked_by"], "price", "{completed}");
    assert_eq!(end("GET PRICE FOR TEST1")["status"], "failed");
    let summary = get(&demo, "/api/metrics/tasks").json();
    assert_eq!(
        (&summary["completed"], &summary["failed"], &summary["completion_rate"]),
        (&json!(1), &json!(1), &json!(0.5))
    );
    let text = get(&demo, "/metrics/").text;
    assert!(text.contains("fiml_task_completion_rate 0.5"), "{text}");
    assert!(text.contains(r#"fiml_dsl_execution_seconds_count{query_type="compare"} 2"#), "{text}");
}

#[test]
fn the_counts_equal_the_requests_sent() {
    let demo = demo();
    let redirect = get(&demo, "/metrics");
    assert_eq!((redirect.status, redirect.header("location")), (307, Some("/metrics/")));
    for _ in 0..7 {
        get(&demo, "/mcp/tools/get_price?symbol=AAPL");
    }
    for n in 0..3 {
        assert_eq!(get(&demo, &format!("/no/such/path/{n}")).status, 404);
    }
    assert_eq!(send(demo.address(), "DELETE", "/health", "").status, 405);
    assert_eq!(get(&demo, "/ws/stream").status, 400, "no upgrade");
    let reply = get(&demo, "/metrics/");
    assert!(reply.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let text = reply.text;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok()), "{line}");
    }
    let requests = |part: &str| counted(&text, "fiml_requests_total", part);
    assert!(requests(r#"endpoint="/mcp/tools/get_price",method="GET",status="200""#) == 7, "{text}");
    assert!(requests(r#"endpoint="unmatched""#) == 3, "{text}");
    assert!(requests(r#"method="DELETE",status="405""#) == 1, "{text}");
    assert!(requests("") == 13, "{text}");
    assert!(counted(&text, "fiml_request_duration_seconds_count", "") == 13, "{text}");
    assert!(counted(&text, "fiml_cache_operations_total", r#"layer="l1",status="hit""#) == 6, "{text}");
    let rate =
        text.lines().find_map(|line| line.strip_prefix(r#"fiml_cache_hit_rate{layer="l1"} "#)).unwrap();
    assert!((rate.parse::<f64>().unwrap() - 6.0 / 7.0).abs() < 1e-9, "{text}");
    let performance = get(&demo, "/api/metrics/performance").json();
    assert_eq!(performance["requests_total"], json!(14), "{performance}");
    assert_eq!(performance["endpoints"]["/mcp/tools/get_price"]["count"], json!(7));
    let cache = get(&demo, "/api/metrics/cache").json();
    assert_eq!((&cache["hits"], &cache["misses"], &cache["lookups"]), (&json!(6), &json!(1), &json!(7)));
}

#[test]
fn it_stops_with_an_open_connection_and_frees_its_port() {
    let demo = Demo::start(DemoOptions { threads: 2, ..quick() }).unwrap();
    let (address, mut idle) = (demo.address(), TcpStream::connect(demo.address()).unwrap());
    idle.write_all(b"GET /health HTTP/1.1\r\n").unwrap();
    assert_eq!(get(&demo, "/health").status, 200);
    demo.stop().unwrap();
    assert!(TcpStream::connect(address).is_err());
    let again = Demo::start(DemoOptions { port: address.port(), ..quick() }).unwrap();
    assert_eq!(again.url(), format!("http://{address}"));
}

#[test]
fn a_port_in_use_is_an_error() {
    let demo = demo();
    let options = DemoOptions { port: demo.address().port(), ..quick() };
    assert_eq!(Demo::start(options).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn one_seed_gives_one_history() {
    let history = |seed| {
        let demo = Demo::start(DemoOptions { seed, ..quick() }).unwrap();
        get(&demo, "/mcp/tools/get_market_data?symbol=TSLA&days=3").json()["history"].clone()
    };
    assert_eq!(history(5), history(5));
    assert_ne!(history(5), history(6));
}

/// Opens a web socket by hand; the connection behind the handshake's head.
fn upgraded(demo: &Demo, path: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(demo.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: demo\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut answer).unwrap(), 0, "closed: {answer}");
    }
    assert!(
        answer.starts_with("HTTP/1.1 101 ") && answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        "{answer}"
    );
    reader
}

/// The next text of a web socket as JSON.
fn next_text(reader: &mut BufReader<TcpStream>) -> Value {
    let mut head = [0; 2];
    reader.read_exact(&mut head).unwrap();
    assert_eq!(head[0], 0x81, "a text in one frame");
    let mut length = usize::from(head[1]);
    if length == 126 {
        let mut long = [0; 2];
        reader.read_exact(&mut long).unwrap();
        length = u16::from_be_bytes(long).into();
    }
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// Sends a text; a mask of zeros leaves it as it is.
fn say(reader: &mut BufReader<TcpStream>, text: &str) {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126);
    reader.get_mut().write_all(&[&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()).unwrap();
}

#[test]
fn prices_stream_over_a_web_socket() {
    let demo = demo();
    let mut socket = upgraded(&demo, "/ws/prices/aapl,BTC?interval_ms=10");
    let first = next_text(&mut socket);
    assert_eq!(first, json!({ "type": "subscription_ack", "symbols": ["AAPL", "BTC"], "interval_ms": 10 }));
    for sequence in 1..=3 {
        let prices = next_text(&mut socket);
        assert_eq!((&prices["type"], &prices["sequence"]), (&json!("prices"), &json!(sequence)));
        assert_eq!(prices["prices"][1]["symbol"], "BTC");
        assert!(
            prices["prices"][0]["price"].as_f64().unwrap() > 0.0 && prices["timestamp"].is_string(),
            "{prices}"
        );
    }
    for (path, status) in [
        ("/ws/prices/TEST1", 404),
        ("/ws/prices/,", 400),
        ("/sse/prices/TEST1", 404),
        ("/sse/prices/AAPL?interval_ms=1", 422),
    ] {
        let headers = if path.starts_with("/ws") {
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        } else {
            ""
        };
        let mut stream = TcpStream::connect(demo.address()).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: demo\r\n{headers}\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {line}");
    }
}

#[test]
fn a_web_socket_streams_what_it_subscribes_to() {
    let demo = demo();
    let mut socket = upgraded(&demo, "/ws/stream");
    say(&mut socket, r#"{"type":"ping"}"#);
    assert_eq!(next_text(&mut socket)["type"], "pong");
    for symbol in ["TSLA", "ETH"] {
        say(&mut socket, &format!(r#"{{"type":"subscribe","symbols":["{symbol}"],"interval_ms":10}}"#));
        let acknowledged =
            std::iter::repeat_with(|| next_text(&mut socket)).find(|told| told["type"] == "subscription_ack");
        assert_eq!(acknowledged.unwrap()["symbols"], json!([symbol]));
        assert_eq!(next_text(&mut socket)["prices"][0]["symbol"], symbol);
    }
    say(&mut socket, r#"{"type":"unsubscribe"}"#);
    while next_text(&mut socket)["type"] != "unsubscribe_ack" {}
    for (wrong, message) in [
        (r#"{"type":"subscribe","symbols":["TEST1"]}"#, "TEST1"),
        (r#"{"type":"sell"}"#, "unknown type"),
        ("nonsense", "JSON"),
    ] {
        say(&mut socket, wrong);
        let told = next_text(&mut socket);
        assert!(told["type"] == "error" && told["message"].as_str().unwrap().contains(message), "{told}");
    }
    // A close is answered with its code.
    socket.get_mut().write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, [0x88, 2, 0x03, 0xe8]);
}

#[test]
fn the_same_prices_stream_as_events() {
    let demo = demo();
    let mut stream = TcpStream::connect(demo.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /sse/prices/AAPL?interval_ms=10 HTTP/1.1\r\nhost: demo\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    while !text.contains("\"sequence\":3") {
        assert_ne!(reader.read_line(&mut text).unwrap(), 0, "closed: {text}");
    }
    assert!(text.contains("content-type: text/event-stream\r\n"), "{text}");
    assert!(text.contains("event: subscription_ack\ndata: {\"type\":\"subscription_ack\""), "{text}");
    assert!(text.contains("id: 2\nevent: prices\ndata: {"), "{text}");
    assert!(!text.contains("\"sequence\":3,\"prices\":[]"), "{text}");
}
