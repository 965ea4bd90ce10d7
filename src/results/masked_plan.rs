//! A plan as it may be kept and sent on.

use serde_json::Value as Json;

use crate::diagnostic::Mask;
use crate::plan::{Plan, without_login};

/// The plan without what the mask hides, and without user and password in its URLs; none where something that isn't
/// text, such as a duration, is a secret by chance.
pub fn masked_plan(plan: &Plan, mask: &Mask) -> Option<Plan> {
    let mut json = serde_json::to_value(plan).ok()?;
    hide_logins(&mut json);
    mask.apply_json(&mut json);
    serde_json::from_value(json).ok()
}

fn hide_logins(value: &mut Json) {
    match value {
        Json::String(text) if text.contains("://") => *text = without_login(text),
        Json::Array(list) => list.iter_mut().for_each(hide_logins),
        Json::Object(map) => map.values_mut().for_each(hide_logins),
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Kind, Metric, Unit};

    #[test]
    fn neither_secrets_nor_logins_stay_and_the_rest_does() {
        let metric = |name: &str| Metric { name: name.into(), kind: Kind::Counter, unit: Unit::None };
        let plan = Plan {
            base_url: Some("http://me:pass@shop.test/a".to_owned()),
            metrics: vec![metric("of_hunter22"), metric("size")],
            ..Plan::default()
        };
        let mask = Mask::default();
        mask.hide("hunter22");
        let masked = masked_plan(&plan, &mask).unwrap();
        assert_eq!(masked.base_url.as_deref(), Some("http://shop.test/a"));
        assert_eq!(masked.metrics, [metric("of_***"), metric("size")]);
        let untouched = Plan { base_url: masked.base_url.clone(), ..plan.clone() };
        assert_eq!(masked_plan(&plan, &Mask::default()), Some(untouched));
    }
}
