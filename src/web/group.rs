//! Groups and their checks in k6's layout: `GET /v1/groups` and `GET /v1/groups/ID`. The root has an empty name; a group's id is
//! made of its path, as in k6.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use crate::report::group_id;

use super::board::Board;
use super::reply::{Answer, Refusal};

/// What stands between the names of a path.
const SEPARATOR: &str = "::";

pub(super) fn all(board: &Board) -> Json {
    let groups: Vec<Json> = resources(board).into_values().collect();
    json!({ "data": groups })
}

pub(super) fn one(board: &Board, id: &str) -> Answer {
    let found = resources(board).into_values().find(|group| group["id"] == id);
    found.map(|group| json!({ "data": group })).ok_or_else(|| {
        let detail = format!("no group has the id `{id}`: `GET /v1/groups` lists those with samples so far");
        Refusal::new(StatusCode::NOT_FOUND, detail)
    })
}

/// By path.
fn resources(board: &Board) -> BTreeMap<String, Json> {
    let mut paths = BTreeSet::from([String::new()]);
    for group in board.groups.iter().chain(board.checks.keys().map(|(group, _)| group)) {
        let mut path = group.as_str();
        while !path.is_empty() && paths.insert(path.to_owned()) {
            path = parent(path);
        }
    }
    paths.iter().map(|path| (path.clone(), resource(board, path, &paths))).collect()
}

fn resource(board: &Board, path: &str, paths: &BTreeSet<String>) -> Json {
    let link = |path: &str| json!({ "type": "groups", "id": group_id(path) });
    let is_child = |child: &&String| !child.is_empty() && parent(child) == path;
    let children: Vec<Json> = paths.iter().filter(is_child).map(|child| link(child)).collect();
    let checks = board.checks.iter().filter(|((group, _), _)| group == path);
    let checks: Vec<Json> = checks
        .map(|((_, name), (passes, fails))| {
            let of_check = format!("{path}{SEPARATOR}{name}");
            json!({ "id": group_id(&of_check), "path": of_check, "name": name, "passes": passes, "fails": fails })
        })
        .collect();
    json!({
        "type": "groups",
        "id": group_id(path),
        "attributes": {
            "path": path,
            "name": path.rsplit_once(SEPARATOR).map_or(path, |(_, name)| name),
            // k6 has null here, not an empty list.
            "checks": (!checks.is_empty()).then_some(checks),
        },
        "relationships": {
            "groups": { "data": children },
            "parent": { "data": (!path.is_empty()).then(|| link(parent(path))) },
        },
    })
}

fn parent(path: &str) -> &str {
    path.rsplit_once(SEPARATOR).map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_a_tree_whose_root_has_no_name() {
        let mut board = Board::default();
        board.groups.insert("::shop::pay".to_owned());
        board.checks.insert(("::shop".to_owned(), "open".to_owned()), (3, 1));
        let all = all(&board);
        let names: Vec<&str> = all["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["attributes"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["", "shop", "pay"]);
        assert_eq!(all["data"][0]["id"], "d41d8cd98f00b204e9800998ecf8427e", "as k6's root");
        assert_eq!(all["data"][0]["relationships"]["groups"]["data"][0]["id"], all["data"][1]["id"]);
        assert_eq!(all["data"][2]["relationships"]["parent"]["data"]["id"], all["data"][1]["id"]);
        assert_eq!(all["data"][1]["attributes"]["checks"][0]["passes"], 3);
        assert_eq!(all["data"][2]["attributes"]["checks"], Json::Null);
        let id = all["data"][2]["id"].as_str().unwrap();
        assert_eq!(one(&board, id).unwrap()["data"], all["data"][2]);
        assert_eq!(one(&board, "x").unwrap_err().status, 404);
    }
}
