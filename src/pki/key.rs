//! key
/// Key.
#[derive(Debug)]
pub struct Key;
impl Key {
    /// x
    pub fn signer(&self) -> std::sync::Arc<dyn rustls::sign::SigningKey> {
        todo!()
    }
}
