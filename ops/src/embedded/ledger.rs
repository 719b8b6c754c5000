//! x
use super::store::Store;
use std::sync::Arc;
pub struct SqliteLedger(Arc<Store>);
impl SqliteLedger {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self(store)
    }
}
