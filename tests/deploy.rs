//! The manifests of `deploy/kubernetes` are what Kubernetes takes, and agree with each other.
//!
//! The schema is kept beside them: names and types from the published OpenAPI description of Kubernetes, strict,
//! and without what these manifests do not use. Nothing is fetched.

use std::path::Path;

use serde_json::{Value, json};

fn read(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn errors(manifest: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(&read("job.schema.json")).unwrap();
    let errors = validator.iter_errors(manifest);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn manifests_are_what_kubernetes_takes() {
    for name in ["job.json", "merge.json"] {
        assert_eq!(errors(&read(name)), [""; 0], "{name}");
    }
}

#[test]
fn mistakes_are_refused() {
    let container = "/spec/template/spec/containers/0";
    // What is said there instead, or in an object beside what is there.
    let planted = [
        ("/apiVersion", json!("batch/v2")),
        ("/kind", json!("CronJob")),
        ("/spec/completions", json!("4")),
        ("/spec/backoffLimitPerIndex", json!(true)),
        ("/spec", json!({"completionsMode": "Indexed"})),
        ("/spec/template/spec", json!({"securitycontext": {}})),
        (container, json!({"cmd": ["true"]})),
        (
            container,
            json!({"name": null, "resources": {"limits": {"cpu": []}}}),
        ),
        (
            "/spec/template/spec/securityContext/runAsNonRoot",
            json!("yes"),
        ),
        (
            "/spec/podFailurePolicy/rules/1/onExitCodes/values",
            json!(["1"]),
        ),
    ];
    for (place, mistake) in planted {
        let mut manifest = read("job.json");
        let there = manifest
            .pointer_mut(place)
            .unwrap_or_else(|| panic!("{place}"));
        match (there, &mistake) {
            (Value::Object(there), Value::Object(more)) => there.extend(more.clone()),
            (there, mistake) => *there = mistake.clone(),
        }
        assert!(!errors(&manifest).is_empty(), "{place}: {mistake}");
    }
    for (place, key) in [
        ("/spec", "template"),
        ("/spec/template/spec", "containers"),
        (container, "name"),
    ] {
        let mut manifest = read("job.json");
        let there = manifest
            .pointer_mut(place)
            .unwrap()
            .as_object_mut()
            .unwrap();
        assert!(there.remove(key).is_some());
        assert!(!errors(&manifest).is_empty(), "{place} without {key}");
    }
}

#[test]
fn the_number_of_shards_is_the_same_everywhere() {
    let (job, merge) = (read("job.json"), read("merge.json"));
    let count = job["spec"]["completions"].as_u64().unwrap();
    let of = |manifest: &Value| manifest["spec"]["template"]["spec"]["containers"][0].clone();
    let completions = of(&job)["env"]
        .as_array()
        .unwrap()
        .iter()
        .find(|variable| variable["name"] == "JOB_COMPLETIONS")
        .map(|variable| variable["value"].clone());
    assert_eq!(completions, Some(json!(count.to_string())));
    let arguments = |manifest: &Value| -> Vec<String> {
        let arguments = of(manifest)["args"].as_array().unwrap().clone();
        arguments
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect()
    };
    let mut expected = vec!["merge".to_owned()];
    expected.extend((0..count).map(|index| format!("/records/shard-{index}")));
    expected.extend([
        "--expect".into(),
        count.to_string(),
        "--out".into(),
        "/records/merged".into(),
    ]);
    assert_eq!(arguments(&merge), expected);
    assert!(arguments(&job).contains(&"/records/shard-$(JOB_COMPLETION_INDEX)".to_owned()));
}

/// The API server checks these beyond the schema: limits by index are for Indexed Jobs, and a policy about
/// failures is for pods that are never restarted.
#[test]
fn what_depends_on_each_other_is_there() {
    let job = read("job.json");
    assert_eq!(job["spec"]["completionMode"], "Indexed");
    for manifest in [&job, &read("merge.json")] {
        let pod = &manifest["spec"]["template"]["spec"];
        assert_eq!(pod["restartPolicy"], "Never");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        let mounted = |name: &str| {
            pod["volumes"]
                .as_array()
                .unwrap()
                .iter()
                .any(|volume| volume["name"] == name)
        };
        let container = &pod["containers"][0];
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        for mount in container["volumeMounts"].as_array().unwrap() {
            assert!(mounted(mount["name"].as_str().unwrap()), "{mount}");
        }
    }
    // What a run ends with by itself is no reason to try again, and 5 is one.
    let rule = &job["spec"]["podFailurePolicy"]["rules"][1];
    assert_eq!(
        rule["onExitCodes"]["containerName"],
        job["spec"]["template"]["spec"]["containers"][0]["name"]
    );
    assert_eq!(rule["onExitCodes"]["values"], json!([1, 2, 3, 4]));
}
