//! Name servers that are asked directly, past the system's own resolver.
//!
//! They are asked on a thread of their own, which begins with the first question and ends with the network:
//! the workers' threads have no timer that a query's time-out could be set on.

use std::cell::OnceCell;
use std::io;
use std::net::{IpAddr, SocketAddr};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::sync::{mpsc, oneshot};

use super::super::error::Failure;
use crate::plan::DnsPolicy;

/// Questions that wait for the thread; a worker asks once at a time for each name.
const QUESTIONS_MAX: usize = 1024;

type Answer = Result<Vec<IpAddr>, Failure>;

struct Question {
    host: Box<str>,
    answer: oneshot::Sender<Answer>,
}

/// Name servers, and the thread that asks them.
pub(in super::super) struct Servers {
    config: ResolverConfig,
    options: ResolverOpts,
    questions: OnceCell<mpsc::Sender<Question>>,
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.config.name_servers().iter().map(|server| server.ip)).finish()
    }
}

impl Servers {
    /// This one, or those that `/etc/resolv.conf` names. `/etc/hosts` is looked at first in both cases.
    pub(in super::super) fn new(server: Option<SocketAddr>) -> Result<Self, String> {
        let (config, mut options) = match server {
            Some(address) => {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = address.port();
                    connection
                });
                let server = NameServerConfig::new(address.ip(), true, connections.into());
                (ResolverConfig::from_parts(None, Vec::new(), vec![server]), ResolverOpts::default())
            }
            None => hickory_resolver::system_conf::read_system_conf().map_err(|error| error.to_string())?,
        };
        // Answers are kept by whoever asks, and for as long as the run says.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Always;
        options.try_tcp_on_error = true;
        Ok(Self { config, options, questions: OnceCell::new() })
    }

    /// All addresses of a host that the policy may want.
    pub(super) async fn ask(&self, host: &str, policy: DnsPolicy) -> Answer {
        let lost = |reason: String| Failure::Resolver { host: host.into(), reason: reason.into() };
        let questions = if let Some(questions) = self.questions.get() {
            questions
        } else {
            let begun = self.begin(policy).map_err(|error| lost(error.to_string()))?;
            self.questions.get_or_init(|| begun)
        };
        let (answer, answered) = oneshot::channel();
        let question = Question { host: host.into(), answer };
        let ended = || lost("the thread that asks name servers has ended".to_owned());
        questions.send(question).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    /// Starts the thread. It ends once the sender that it gives is dropped.
    fn begin(&self, policy: DnsPolicy) -> io::Result<mpsc::Sender<Question>> {
        let mut options = self.options.clone();
        options.ip_strategy = match policy {
            DnsPolicy::OnlyIpv4 => LookupIpStrategy::Ipv4Only,
            DnsPolicy::OnlyIpv6 => LookupIpStrategy::Ipv6Only,
            DnsPolicy::PreferIpv4 | DnsPolicy::Any => LookupIpStrategy::Ipv4AndIpv6,
            DnsPolicy::PreferIpv6 => LookupIpStrategy::Ipv6AndIpv4,
        };
        let config = self.config.clone();
        let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("resolver".to_owned()).spawn(move || {
            let provider = TokioRuntimeProvider::default();
            let resolver = TokioResolver::builder_with_config(config, provider).with_options(options).build();
            runtime.block_on(answer_all(resolver, asked));
        })?;
        Ok(questions)
    }
}

async fn answer_all(resolver: Result<TokioResolver, NetError>, mut asked: mpsc::Receiver<Question>) {
    let resolver = resolver.map(std::sync::Arc::new);
    while let Some(Question { host, answer }) = asked.recv().await {
        match &resolver {
            Ok(resolver) => {
                let resolver = std::sync::Arc::clone(resolver);
                // Beside each other: one name that takes long must not hold up the others.
                tokio::spawn(async move {
                    let found = resolver.lookup_ip(&*host).await;
                    // Whoever asked may have met its time-out.
                    answer.send(
                        found.map(|found| found.iter().collect()).map_err(|error| failure(host, &error)),
                    )
                });
            }
            Err(error) => {
                let _gone = answer.send(Err(failure(host, error)));
            }
        }
    }
}

fn failure(host: Box<str>, error: &NetError) -> Failure {
    if error.is_nx_domain() || error.is_no_records_found() {
        return Failure::HostNotFound { host };
    }
    Failure::Resolver { host, reason: error.to_string().into() }
}
