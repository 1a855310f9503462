//! Is it XML? As much of the rules as what is written here can break.

/// Is it one element of XML 1.0 in which every tag has its other, and all letters are such as may be there?
pub fn well_formed(text: &str) -> Result<(), String> {
    let wrong = |what: &str, rest: &str| {
        let near: String = rest.chars().take(60).collect();
        Err(format!("{what} near {near:?}"))
    };
    let allowed =
        |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    if let Some(letter) = text.chars().find(|letter| !allowed(*letter)) {
        return Err(format!("{letter:?} is no letter of XML"));
    }
    let (mut open, mut rest, mut elements) = (Vec::new(), text, 0);
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        if !escaped(before) || (open.is_empty() && !before.trim().is_empty()) {
            return wrong("text that is not escaped", before);
        }
        let Some(end) = tag.find('>') else {
            return wrong("a tag without an end", tag);
        };
        let inside = &tag[1..end];
        rest = &tag[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            if open.pop() != Some(name) {
                return wrong("a tag that closes another", tag);
            }
            continue;
        }
        elements += usize::from(open.is_empty());
        let (inside, is_empty) = match inside.strip_suffix('/') {
            Some(inside) => (inside, true),
            None => (inside, false),
        };
        let name = inside.split_whitespace().next().unwrap_or_default();
        let attributes: Vec<&str> = inside[name.len()..].split('"').collect();
        let (last, attributes) = attributes.split_last().unwrap();
        let are_pairs = attributes.chunks(2).all(|pair| {
            let is_named = pair[0].starts_with(' ') && pair[0].ends_with('=');
            is_named && pair.get(1).is_some_and(|value| escaped(value))
        });
        if name.is_empty() || !last.trim().is_empty() || !are_pairs {
            return wrong("a tag that is none", tag);
        }
        if !is_empty {
            open.push(name);
        }
    }
    match (open.is_empty(), rest.trim().is_empty(), elements) {
        (true, true, 1) => Ok(()),
        _ => wrong("no end", rest),
    }
}

/// Does every ampersand begin the name of a letter?
fn escaped(text: &str) -> bool {
    text.split('&').skip(1).all(|after| {
        let name = after.split(';').next().unwrap_or_default();
        let is_named = ["amp", "lt", "gt", "quot", "apos"].contains(&name);
        after.contains(';') && (is_named || name.starts_with('#'))
    })
}
