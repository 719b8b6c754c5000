//! A service that tells when it was first asked something.

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use tokio_util::sync::CancellationToken;

/// One connection's service; `heard` is cancelled by its first request.
pub(super) struct Heard<S> {
    pub(super) service: S,
    pub(super) heard: CancellationToken,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for Heard<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        self.heard.cancel();
        self.service.call(request)
    }
}
