//! The words of descriptors: versions, templates, and what is known of whom.

use std::sync::Arc;

use minijinja::context;
use mtls_gauntlet::scenario::Role;
use mtls_gauntlet::target::command::template::{check, render, render_command};
use mtls_gauntlet::target::{Capability, Target};

use super::support::{Bench, find};

/// What programs print, and the version in it.
const VERSIONS: &[(&str, &str)] = &[
    ("nginx version: nginx/1.22.1", "1.22.1"),
    (
        "OpenSSL 3.0.17 1 Jul 2025 (Library: OpenSSL 3.0.17)",
        "3.0.17",
    ),
    ("curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1", "7.88.1"),
    ("go version go1.24.4 linux/amd64", "1.24.4"),
    ("v22.3.0", "22.3.0"),
    (
        "Server version: Apache/2.4.62 (Debian)\nServer built: 2024",
        "2.4.62",
    ),
    ("Redis server v=7.0.15 sha=00000000:0 bits=64", "7.0.15"),
    ("mosquitto version 2.0.11.", "2.0.11"),
    ("openjdk version \"17.0.12\" 2024-07-16", "17.0.12"),
    ("psql (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)", "15.8"),
    (
        "built for x86_64, release 7, 2.0.0-rc.1+build.5",
        "2.0.0-rc.1+build.5",
    ),
    ("since 2019: 0.4", "0.4"),
];

#[test]
fn a_version_is_found_in_what_programs_print() {
    let bench = Bench::new();
    for (text, version) in VERSIONS {
        for stream in ["", " >&2"] {
            let target = versioned(&bench, &format!("printf %s \"$0\"{stream}"), text);
            assert_eq!(target.absent(), None, "{text}");
            assert_eq!(target.version(), *version, "{text}{stream}");
        }
    }
}

#[test]
fn what_is_no_version_is_none() {
    let bench = Bench::new();
    for text in ["no number at all", "build 7", "7", "a.b.c", "1.x", "x86_64"] {
        let target = versioned(&bench, "printf %s \"$0\"", text);
        let absent = target.absent().unwrap();
        assert!(absent.contains("does not print a version"), "{absent}");
        assert!(absent.contains(text), "{absent}");
        assert!(absent.contains("to install it: pray"), "{absent}");
    }
}

fn versioned(bench: &Bench, script: &str, text: &str) -> Arc<dyn Target> {
    let descriptor = format!(
        "version = [\"sh\", \"-c\", {script:?}, {text:?}]\ninstall = \"pray\"\n\
         [client]\nconnect = [\"true\"]\nsupports = [\"tls1.3\"]\n"
    );
    find(&bench.write("versioned.toml", &descriptor))
}

#[test]
fn a_word_that_comes_out_empty_is_left_out() {
    let words = |crl: Option<&str>| {
        let words = [
            "serve",
            "{% if crl %}--crl{% endif %}",
            "{{ crl or '' }}",
            " ",
        ];
        let words = words.map(str::to_owned);
        render_command(&words, &context! { crl => crl }).unwrap()
    };
    assert_eq!(words(None), ["serve", " "]);
    assert_eq!(words(Some("a.pem")), ["serve", "--crl", "a.pem", " "]);
}

#[test]
fn a_name_that_does_not_exist_is_an_error() {
    let known = context! { identity => context! { key => "k.pem" }, crl => None::<String> };
    assert_eq!(render("{{ identity.key }}", &known).unwrap(), "k.pem");
    for text in [
        "{{ dri }}",
        "{{ identity.kee }}",
        "{% if dri %}yes{% endif %}",
        "{% for one in dri %}{% endfor %}",
    ] {
        assert!(check(text).is_ok(), "{text}: it is a template all the same");
        let error = render(text, &known).unwrap_err();
        assert!(error.contains("undefined"), "{text}: {error}");
    }
    let error = render_command(&["{{ dri }}".into()], &known).unwrap_err();
    assert!(error.contains("in `{{ dri }}`"), "{error}");
}

#[test]
fn what_is_no_template_is_known_before_it_is_rendered() {
    for text in [
        "{{ dir",
        "{% if crl %}",
        "{% endif %}",
        "{{ dir | nothing(",
        "{% what %}",
    ] {
        assert!(check(text).is_err(), "{text}");
    }
    let error = check("one\ntwo {{ dir\n").unwrap_err();
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn files_are_rendered_as_they_are() {
    let known = context! { name => "<a & 'b'>" };
    assert_eq!(
        render("x = {{ name }}\n\n", &known).unwrap(),
        "x = <a & 'b'>\n\n"
    );
}

const LAYERED: &str = r#"
stack = "thing"
profiles = ["spiffe"]

[server]
start = ["true"]
supports = ["tls1.3", "crl"]

[client]
connect = ["true"]
supports = ["tls1.2"]

[known]
"names/*" = "ours"

[lacks]
"limits/*" = "too small"

[varies]
"handshake/*" = "it depends on the key"

[spared]
"path/*" = "mended here"
"#;

const THING: &str = r#"
[known]
"names/*" = "theirs"
"path/*" = "theirs"
"trust/*/client/*" = "theirs"

[lacks]
"encoding/*" = "too old"
"path/*" = "too old"

[admits]
"validity/*" = "it remembers others' certificates"
"#;

#[test]
fn what_is_known_of_a_stack_is_known_of_what_stands_on_it() {
    let bench = Bench::new();
    bench.write("stack/thing.toml", THING);
    let target = find(&bench.write("layered.toml", LAYERED));
    let known = |case| target.known(case);
    assert_eq!(
        known("names/a/server/tls1.3"),
        Some("ours"),
        "its own word comes first"
    );
    assert_eq!(known("trust/a/client/tls1.3"), Some("theirs"));
    assert_eq!(known("trust/a/server/tls1.3"), None);
    assert_eq!(known("path/a/server/tls1.3"), None, "it is spared that");
    assert_eq!(known("limits/a/server/tls1.3"), None);
    let lacks = |case| target.lacks(case);
    assert_eq!(lacks("limits/a/server/tls1.3"), Some("too small"));
    assert_eq!(lacks("encoding/a/server/tls1.3"), Some("too old"));
    assert_eq!(lacks("path/a/server/tls1.3"), None, "it is spared that");
    assert_eq!(lacks("names/a/server/tls1.3"), None);
    let varies = |case, let_in| target.varies(case, let_in);
    let by_the_key = Some("it depends on the key");
    assert_eq!(varies("handshake/a/server/tls1.3", false), by_the_key);
    assert_eq!(
        varies("handshake/a/server/tls1.3", true),
        None,
        "nobody is let in for that"
    );
    for let_in in [false, true] {
        let remembered = Some("it remembers others' certificates");
        assert_eq!(varies("validity/a/server/tls1.3", let_in), remembered);
    }
}

#[test]
fn each_role_can_do_what_its_own_table_says() {
    let bench = Bench::new();
    bench.write("stack/thing.toml", THING);
    let target = find(&bench.write("layered.toml", LAYERED));
    for (role, capability, can) in [
        (Role::Server, Capability::Tls13, true),
        (Role::Client, Capability::Tls13, false),
        (Role::Server, Capability::Tls12, false),
        (Role::Client, Capability::Tls12, true),
        (Role::Server, Capability::Crl, true),
        (Role::Client, Capability::Crl, false),
        (Role::Server, Capability::CrlEndEntity, false),
        // A profile is the whole target's.
        (Role::Server, Capability::Spiffe, true),
        (Role::Client, Capability::Spiffe, true),
    ] {
        assert_eq!(
            target.supports(role, capability),
            can,
            "{role} {capability:?}"
        );
    }
    assert!(!target.has_injected_clock());
    assert_eq!(
        target.name(),
        "layered",
        "a descriptor's file gives the name"
    );
}

#[test]
fn a_role_without_a_table_is_not_played() {
    let bench = Bench::new();
    let text = "[client]\nconnect = [\"true\"]\nsupports = [\"tls1.3\"]\n";
    let target = find(&bench.write("one.toml", text));
    assert!(target.plays(Role::Client) && !target.plays(Role::Server));
    assert!(!target.supports(Role::Server, Capability::Tls13));
}
