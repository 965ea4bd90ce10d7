//! The users that play: those of scenarios, and those of nobody's.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::player::Player;
use crate::http::{Client, Options};
use crate::metrics::{Symbol, TagSet};
use crate::plan::{Demand, Ids, Plan, Scenario};
use crate::script::{Agenda, Cast, Course, Phase, Vu};

/// A scenario's schedule, of which nothing is played but its first moment.
#[derive(Debug)]
struct Once {
    demand: Rc<Demand>,
    start_ns: u64,
}

impl Agenda for Once {
    fn demand(&self) -> Rc<Demand> {
        Rc::clone(&self.demand)
    }

    fn start_ns(&self) -> u64 {
        self.start_ns
    }

    fn elapsed_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.start_ns)
    }
}

impl Player {
    /// A user of a scenario.
    pub(super) fn user(&self, plan: &Plan, index: usize) -> Rc<Vu> {
        let scenario: &Scenario = &plan.scenarios[index];
        let now_ns = self.stage.clock().now_ns();
        let tags = plan.options.tags.iter().chain(&scenario.tags);
        let tags = TagSet::from_pairs(tags.map(|(key, value)| (key.as_str(), value.as_str())));
        let symbols = self
            .stage
            .recorder()
            .with(|recorder| [recorder.intern(&scenario.name), recorder.intern_tags(&tags)]);
        let ids = Ids::of(plan, index);
        let course = Course {
            executor: scenario.executor.as_str().into(),
            run_start_ns: now_ns,
            agenda: Rc::new(Once { demand: Rc::new(scenario.demand.clone()), start_ns: now_ns }),
            ids,
            seed: self.seed,
            caps: Vec::new(),
        };
        let base_url = scenario.base_url.as_deref().or(plan.base_url.as_deref());
        let cast = Cast::new(&scenario.name, tags, symbols, base_url, scenario.env.clone(), Some(course));
        self.vu(plan, ids.id(1), cast, Phase::Flow)
    }

    /// A user of no scenario, in the group of a hook's name.
    pub(super) fn outsider(&self, plan: &Plan, phase: Phase, hook: &str) -> Rc<Vu> {
        let tags = plan.options.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let tags = TagSet::from_pairs(tags);
        let symbols = [Symbol::NONE, self.stage.recorder().with(|recorder| recorder.intern_tags(&tags))];
        let cast = Cast::new("", tags, symbols, plan.base_url.as_deref(), BTreeMap::new(), None);
        let vu = self.vu(plan, 0, cast, phase);
        if !hook.is_empty() {
            let group = format!("::{hook}");
            vu.group_symbol.set(self.stage.recorder().with(|recorder| recorder.intern(&group)));
            vu.group.replace(group);
        }
        vu
    }

    fn vu(&self, plan: &Plan, id: u64, cast: Rc<Cast>, phase: Phase) -> Rc<Vu> {
        let (clock, network) = (self.stage.clock(), self.stage.network());
        let options = Options {
            user_agent: plan.options.user_agent.as_deref().map(Rc::from),
            local_address: network.network().local_address(id.saturating_sub(1)),
            ..Options::default()
        };
        let client = Client::new(Rc::clone(clock), Rc::clone(network), options);
        Rc::new(Vu::new(id, cast, phase, self.seed, clock.alarm(), Some(client)))
    }
}
