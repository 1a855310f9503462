//! DER, octet by octet: what a certificate is before anybody knows what it means.
//!
//! The verifier reads structures through a [`Reader`], which takes DER and nothing else. One planted
//! bug is about just that, so it can also read BER, and [`repaired`] writes BER again as the DER that a
//! lenient parser makes of it in its head.

/// The encoding is not what X.690 or RFC 5280 asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed(pub &'static str);

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONSTRUCTED: u8 = 0x20;
const CONTEXT: u8 = 0x80;

/// Deeper than any certificate; a bound on recursion over what a stranger sent.
const DEEPEST: usize = 32;

/// The tag of `[number]`, constructed.
pub(super) const fn explicit(number: u8) -> u8 {
    CONTEXT | CONSTRUCTED | number
}

/// The tag of `[number]`, primitive.
pub(super) const fn implicit(number: u8) -> u8 {
    CONTEXT | number
}

/// One tag, length and value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Element<'a> {
    /// The identifier octet.
    pub tag: u8,
    /// The contents octets.
    pub content: &'a [u8],
    /// All of it, header included.
    pub raw: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads the elements inside.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// The octets of a BIT STRING whose bits fill them.
    ///
    /// # Errors
    /// When some bits are unused, or the string is empty.
    pub fn whole_octets(&self) -> Result<&'a [u8], Malformed> {
        match self.content {
            [0, octets @ ..] => Ok(octets),
            _ => Err(Malformed("a BIT STRING does not end with a whole octet")),
        }
    }

    /// A BOOLEAN under whatever tag.
    ///
    /// # Errors
    /// When it is neither TRUE nor FALSE as DER writes them (X.690 section 11.1).
    pub fn truth(&self) -> Result<bool, Malformed> {
        match self.content {
            [0x00] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(Malformed("a BOOLEAN is neither 0x00 nor 0xFF")),
        }
    }
}

/// Reads one element after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    ber: bool,
}

impl<'a> Reader<'a> {
    /// A reader of DER.
    pub fn new(octets: &'a [u8]) -> Self {
        Self {
            rest: octets,
            ber: false,
        }
    }

    /// A reader that takes BER too.
    pub fn of_ber(octets: &'a [u8]) -> Self {
        Self {
            rest: octets,
            ber: true,
        }
    }

    /// Is everything read?
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is still unread.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next element, whatever it is.
    ///
    /// # Errors
    /// When there is none, or it is malformed.
    pub fn any(&mut self) -> Result<Element<'a>, Malformed> {
        let (element, rest) = split(self.rest, self.ber, DEEPEST)?;
        self.rest = rest;
        Ok(element)
    }

    /// The next element, which must have this tag.
    ///
    /// # Errors
    /// As [`Reader::any`], and when it has another.
    pub fn take(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        self.optional(tag)?
            .ok_or(Malformed("an element is missing or has another type"))
    }

    /// The next element, if it has this tag.
    ///
    /// # Errors
    /// As [`Reader::any`].
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.rest.first() == Some(&tag) {
            self.any().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// When something does.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Malformed("a structure has more elements than it should"))
        }
    }
}

/// Are these octets a row of elements in DER, all the way down?
///
/// # Errors
/// Says what is not. Contents of OCTET STRINGs are not looked into.
pub fn check(octets: &[u8]) -> Result<(), Malformed> {
    check_within(octets, DEEPEST)
}

/// BER written again as DER.
///
/// # Errors
/// When it is not even BER.
pub fn repaired(octets: &[u8]) -> Result<Vec<u8>, Malformed> {
    repaired_within(octets, DEEPEST)
}

fn split(octets: &[u8], ber: bool, depth: usize) -> Result<(Element<'_>, &[u8]), Malformed> {
    const TRUNCATED: Malformed = Malformed("it is cut short");
    const HIGH_TAG: u8 = 0x1f;
    const INDEFINITE: u8 = 0x80;
    let [tag, first, after @ ..] = octets else {
        return Err(TRUNCATED);
    };
    // X.509 has no tag number above 30.
    if tag & HIGH_TAG == HIGH_TAG {
        return Err(Malformed("a tag number is too high"));
    }
    if *first == INDEFINITE {
        if !ber || tag & CONSTRUCTED == 0 {
            return Err(Malformed("a length is indefinite"));
        }
        return split_indefinite(octets, depth);
    }
    let count = usize::from(first & 0x7f);
    let (length, content) = if first & 0x80 == 0 {
        (count, after)
    } else {
        let (length, content) = after.split_at_checked(count).ok_or(TRUNCATED)?;
        if count > 4 {
            return Err(Malformed("a length is absurd"));
        }
        let length = length
            .iter()
            .fold(0_usize, |length, octet| length << 8 | usize::from(*octet));
        // X.690 section 10.1: the fewest octets that hold the length.
        let fewest = match length {
            0..=0x7f => 0,
            0x80..=0xff => 1,
            0x100..=0xffff => 2,
            0x1_0000..=0xff_ffff => 3,
            _ => 4,
        };
        if count != fewest && !ber {
            return Err(Malformed("a length is longer than it need be"));
        }
        (length, content)
    };
    let (content, rest) = content.split_at_checked(length).ok_or(TRUNCATED)?;
    let raw = &octets[..octets.len() - rest.len()];
    Ok((
        Element {
            tag: *tag,
            content,
            raw,
        },
        rest,
    ))
}

/// Finds the end-of-contents octets that belong to the element at the front (X.690 section 8.1.3.6).
fn split_indefinite(octets: &[u8], depth: usize) -> Result<(Element<'_>, &[u8]), Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed("it nests too deep"))?;
    let inside = &octets[2..];
    let mut rest = inside;
    while !rest.starts_with(&[0, 0]) {
        (_, rest) = split(rest, true, depth)?;
    }
    let content = &inside[..inside.len() - rest.len()];
    let rest = &rest[2..];
    let raw = &octets[..octets.len() - rest.len()];
    Ok((
        Element {
            tag: octets[0],
            content,
            raw,
        },
        rest,
    ))
}

fn check_within(octets: &[u8], depth: usize) -> Result<(), Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed("it nests too deep"))?;
    let mut reader = Reader::new(octets);
    while !reader.is_empty() {
        let element = reader.any()?;
        match element.tag {
            BOOLEAN => {
                element.truth()?;
            }
            INTEGER | ENUMERATED => check_integer(element.content)?,
            BIT_STRING => check_bits(element.content)?,
            NULL if !element.content.is_empty() => {
                return Err(Malformed("a NULL is not empty"));
            }
            UTC_TIME => check_time(element.content, 12)?,
            GENERALIZED_TIME => check_time(element.content, 14)?,
            SEQUENCE | SET => check_within(element.content, depth)?,
            tag if tag & CONSTRUCTED == 0 => {}
            tag if tag & CONTEXT != 0 => check_within(element.content, depth)?,
            // X.690 section 10.2: strings are primitive.
            _ => return Err(Malformed("a string is in pieces")),
        }
    }
    Ok(())
}

/// X.690 section 8.3: at least one octet, and no more than it takes.
fn check_integer(content: &[u8]) -> Result<(), Malformed> {
    match content {
        [] => Err(Malformed("an INTEGER is empty")),
        [0x00, next, ..] if next & 0x80 == 0 => Err(Malformed("an INTEGER is padded")),
        [0xff, next, ..] if next & 0x80 != 0 => Err(Malformed("an INTEGER is padded")),
        _ => Ok(()),
    }
}

/// X.690 sections 8.6.2 and 11.2.1: fewer than eight unused bits, all of them zero.
fn check_bits(content: &[u8]) -> Result<(), Malformed> {
    let fits = match content {
        [] => false,
        [unused] => *unused == 0,
        [unused, .., last] => *unused < 8 && last.trailing_zeros() >= u32::from(*unused),
    };
    if fits {
        Ok(())
    } else {
        Err(Malformed("a BIT STRING has impossible unused bits"))
    }
}

/// RFC 5280 sections 4.1.2.5.1 and 4.1.2.5.2: digits down to the second, and then `Z`.
fn check_time(content: &[u8], digits: usize) -> Result<(), Malformed> {
    match content.split_last() {
        Some((b'Z', time)) if time.len() == digits && time.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(Malformed(
            "a time is not written as digits down to the second and a Z",
        )),
    }
}

fn repaired_within(octets: &[u8], depth: usize) -> Result<Vec<u8>, Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed("it nests too deep"))?;
    let mut reader = Reader::of_ber(octets);
    let mut repaired = Vec::with_capacity(octets.len());
    while !reader.is_empty() {
        let element = reader.any()?;
        let content = match element.tag {
            tag if tag & CONSTRUCTED != 0 => repaired_within(element.content, depth)?,
            BOOLEAN => element.content.iter().map(|octet| truth(*octet)).collect(),
            INTEGER => unpadded(element.content).to_vec(),
            BIT_STRING => plausible_bits(element.content),
            _ => element.content.to_vec(),
        };
        write(&mut repaired, element.tag, &content);
    }
    Ok(repaired)
}

fn truth(octet: u8) -> u8 {
    if octet == 0 { 0x00 } else { 0xff }
}

fn unpadded(mut content: &[u8]) -> &[u8] {
    while content.len() > 1 && check_integer(content).is_err() {
        content = &content[1..];
    }
    content
}

/// The bits, all of them used where the number of unused ones is impossible.
fn plausible_bits(content: &[u8]) -> Vec<u8> {
    match content {
        [] => vec![0],
        [_, bits @ ..] if check_bits(content).is_err() => [&[0], bits].concat(),
        _ => content.to_vec(),
    }
}

/// Appends an element with the shortest length.
pub(super) fn write(to: &mut Vec<u8>, tag: u8, content: &[u8]) {
    to.push(tag);
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|octet| *octet == 0).collect();
    match significant.as_slice() {
        [] => to.push(0),
        [short] if *short < 0x80 => to.push(*short),
        long => {
            // A length has at most eight octets.
            to.push(0x80 | long.len() as u8);
            to.extend(long);
        }
    }
    to.extend(content);
}
