//! Comma-separated values, read back.

/// Reads a table as RFC 4180 says.
pub fn read_csv(text: &str) -> Vec<Vec<String>> {
    let (mut lines, mut line, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut letters = text.chars().peekable();
    let mut is_quoted = false;
    while let Some(letter) = letters.next() {
        match (is_quoted, letter) {
            (true, '"') if letters.next_if_eq(&'"').is_some() => field.push('"'),
            (true, '"') => is_quoted = false,
            (false, '"') => {
                assert_eq!(field, "", "a quote within a field that has none");
                is_quoted = true;
            }
            (false, ',') => line.push(std::mem::take(&mut field)),
            (false, '\r') => {
                assert_eq!(letters.next(), Some('\n'), "a line ends with both");
                line.push(std::mem::take(&mut field));
                lines.push(std::mem::take(&mut line));
            }
            (false, '\n') => panic!("a line ends with both"),
            (_, letter) => field.push(letter),
        }
    }
    assert!(!is_quoted && line.is_empty() && field.is_empty());
    lines
}

/// Is this field the text, or the text with the apostrophe that disarms it?
pub fn is(field: &str, text: &str) -> bool {
    field == text || field.strip_prefix('\'') == Some(text)
}
