//! key
#[derive(Debug)]
pub struct Key;
