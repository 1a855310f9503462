//! `--shard auto`: what schedulers say, what they may not say, and what they say in contradiction.

use std::str::FromStr as _;

use mtls_gauntlet::cli::shard::{ShardArgument, unused_variable};
use mtls_gauntlet::scenario::select::Shard;

/// Resolves this value of `--shard` in an environment written as `NAME=text NAME=text`.
fn resolve(argument: &str, variables: &str) -> Result<String, String> {
    let argument = ShardArgument::from_str(argument)?;
    argument
        .resolve(|name| lookup(variables, name))
        .map(|shard| shard.to_string())
        .map_err(|error| format!("{error:#}"))
}

fn lookup(variables: &str, name: &str) -> Option<String> {
    let mut pairs = variables
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(known, text)| (known == name).then(|| text.to_owned()))
}

#[test]
fn a_shard_that_is_said_outright_needs_no_environment() {
    assert_eq!(
        ShardArgument::from_str("2/4"),
        Ok(ShardArgument::Given(Shard::new(2, 4).unwrap()))
    );
    assert_eq!(resolve("2/4", "CI_NODE_INDEX=soup").unwrap(), "2/4");
}

#[test]
fn each_scheduler_counts_in_its_own_way() {
    for (argument, variables, shard) in [
        (
            "auto",
            "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=4 SLURM_ARRAY_TASK_COUNT=4",
            "3/4",
        ),
        (
            "auto",
            "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_COUNT=4",
            "1/4",
        ),
        (
            "auto",
            "SLURM_ARRAY_TASK_ID=14 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=14 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_STEP=2",
            "3/3",
        ),
        (
            "auto/4",
            "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4",
            "3/4",
        ),
        ("auto/4", "JOB_COMPLETION_INDEX=0", "1/4"),
        ("auto", "JOB_COMPLETION_INDEX=3 JOB_COMPLETIONS=4", "4/4"),
        ("auto/4", "JOB_COMPLETION_INDEX=3 JOB_COMPLETIONS=4", "4/4"),
        ("auto", "CI_NODE_INDEX=1 CI_NODE_TOTAL=2", "1/2"),
        ("auto/2", "CI_NODE_INDEX=2 CI_NODE_TOTAL=2", "2/2"),
        // Two that agree are no trouble, and an empty variable is none.
        (
            "auto",
            "CI_NODE_INDEX=2 CI_NODE_TOTAL=2 JOB_COMPLETION_INDEX=1 JOB_COMPLETIONS=2",
            "2/2",
        ),
        (
            "auto",
            "SLURM_ARRAY_TASK_ID= CI_NODE_INDEX=2 CI_NODE_TOTAL=2",
            "2/2",
        ),
    ] {
        assert_eq!(
            resolve(argument, variables).as_deref(),
            Ok(shard),
            "{variables}"
        );
    }
}

#[test]
fn what_does_not_name_a_shard_says_why() {
    for (argument, variables, message) in [
        (
            "auto",
            "",
            "the environment does not say which shard this is",
        ),
        // GitLab sets the total in every job.
        ("auto", "CI_NODE_TOTAL=1", "the environment does not say"),
        (
            "auto",
            "CI_NODE_INDEX=one CI_NODE_TOTAL=2",
            "CI_NODE_INDEX is `one`, which is not a number",
        ),
        (
            "auto",
            "CI_NODE_INDEX=-1 CI_NODE_TOTAL=2",
            "CI_NODE_INDEX is `-1`",
        ),
        (
            "auto",
            "CI_NODE_INDEX=1",
            "CI_NODE_INDEX does not say how many shards",
        ),
        (
            "auto",
            "CI_NODE_INDEX=3 CI_NODE_TOTAL=2",
            "CI_NODE_INDEX numbers this task beyond the 2",
        ),
        ("auto", "CI_NODE_INDEX=0 CI_NODE_TOTAL=2", "beyond the 2"),
        (
            "auto",
            "JOB_COMPLETION_INDEX=1",
            "JOB_COMPLETION_INDEX does not say how many shards",
        ),
        ("auto/2", "JOB_COMPLETION_INDEX=2", "beyond the 2"),
        ("auto/2", "JOB_COMPLETION_INDEX=4294967295", "beyond the 2"),
        (
            "auto/3",
            "JOB_COMPLETION_INDEX=1 JOB_COMPLETIONS=4",
            "there are 4 shards, and --shard that there are 3",
        ),
        (
            "auto",
            "SLURM_ARRAY_TASK_ID=1",
            "SLURM_ARRAY_TASK_ID does not say how many",
        ),
        (
            "auto",
            "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=0",
            "beyond the 0",
        ),
        // A single task of an array, submitted again alone, is another array.
        (
            "auto/4",
            "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_COUNT=1",
            "there are 1 shards, and --shard that there are 4",
        ),
        (
            "auto",
            "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=3",
            "has holes",
        ),
        (
            "auto",
            "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_STEP=2",
            "has holes",
        ),
        (
            "auto",
            "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=2 SLURM_ARRAY_TASK_COUNT=2",
            "has holes",
        ),
        (
            "auto",
            "CI_NODE_INDEX=1 CI_NODE_TOTAL=2 JOB_COMPLETION_INDEX=1 JOB_COMPLETIONS=2",
            "JOB_COMPLETION_INDEX says that this is shard 2/2, and CI_NODE_INDEX that it is 1/2",
        ),
        (
            "auto",
            "CI_NODE_INDEX=1 CI_NODE_TOTAL=2 SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=3",
            "says that this is shard 1/3",
        ),
    ] {
        let error = resolve(argument, variables).unwrap_err();
        assert!(error.contains(message), "{variables}: {error}");
        assert!(error.contains("help: "), "{error}");
    }
}

#[test]
fn what_is_no_shard_is_refused_at_once() {
    for text in [
        "auto/0",
        "auto/",
        "auto/x",
        "auto4",
        "automatic",
        "",
        "0/4",
        "5/4",
        "4",
    ] {
        let error = ShardArgument::from_str(text).unwrap_err();
        assert!(error.contains("is not a shard: write"), "{text}: {error}");
    }
}

#[test]
fn a_task_of_an_array_is_pointed_out() {
    let unused = |variables: &str| unused_variable(|name| lookup(variables, name));
    assert_eq!(unused("CI_NODE_TOTAL=1 CI_NODE_INDEX="), None);
    assert_eq!(
        unused("JOB_COMPLETION_INDEX=0"),
        Some("JOB_COMPLETION_INDEX")
    );
    assert_eq!(unused("SLURM_ARRAY_TASK_ID=x"), Some("SLURM_ARRAY_TASK_ID"));
}
