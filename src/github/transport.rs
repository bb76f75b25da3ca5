//! How octocrab's requests travel: through our one client, with its limits.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap};
use reqwest::{Method, StatusCode};
use tower_service::Service;
use url::Url;

use super::refused;
use crate::http::{Answer, Client};

/// Longest wait in one request for a limit of GitHub to pass. A run that would
/// wait longer says so instead.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often a request is sent again after a limit of GitHub refused it.
const TURNED_AWAY: usize = 2;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The service below octocrab.
///
/// - An address without a host is one below `base`. Headers, the token among
///   them, go to the origin of `base` and nowhere else.
/// - What only reads is repeated as [`Client::send_safe`] does. What writes is
///   sent once: a comment must not come twice because its answer got lost.
/// - A request that GitHub turned away for its limits (429, or 403 with
///   `Retry-After` or an empty budget) was not carried out: it is sent again
///   when the limit has passed, if that is soon.
#[derive(Clone)]
pub(super) struct Transport {
    pub(super) client: Client,
    pub(super) base: Url,
    pub(super) headers: HeaderMap,
}

impl<B> Service<Request<B>> for Transport
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<reqwest::Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let transport = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?;
            transport.carry(parts, body.to_bytes()).await
        })
    }
}

impl Transport {
    async fn carry(
        &self,
        parts: http::request::Parts,
        body: Bytes,
    ) -> Result<Response<reqwest::Body>, BoxError> {
        let url = self.address(&parts.uri)?;
        let mut headers = parts.headers;
        headers.remove(AUTHORIZATION);
        if url.origin() == self.base.origin() {
            headers.extend(self.headers.clone());
        }
        let build = || -> Result<reqwest::Request, BoxError> {
            let mut request = reqwest::Request::new(parts.method.clone(), url.clone());
            *request.headers_mut() = headers.clone();
            if !body.is_empty() {
                *request.body_mut() = Some(body.clone().into());
            }
            Ok(request)
        };
        let mut turned_away = 0;
        loop {
            let answer = self.send(build()?).await?;
            match refused::wait(&answer) {
                Some(wait) if turned_away < TURNED_AWAY && wait <= LONGEST_WAIT => {
                    tracing::debug!(?wait, "GitHub takes no more requests for now");
                    self.client.wait(wait).await;
                    turned_away += 1;
                }
                Some(_) | None => return response(answer),
            }
        }
    }

    async fn send(&self, request: reqwest::Request) -> Result<Answer, BoxError> {
        let answer = match *request.method() {
            Method::GET => self.client.send_safe(request).await,
            _ => self.client.send(request).await,
        };
        Ok(answer?)
    }

    /// The address of `uri`, which may be a path alone.
    fn address(&self, uri: &http::Uri) -> Result<Url, BoxError> {
        if uri.authority().is_some() {
            return Ok(Url::parse(&uri.to_string())?);
        }
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}{}", uri.path()));
        url.set_query(uri.query());
        Ok(url)
    }
}

fn response(answer: Answer) -> Result<Response<reqwest::Body>, BoxError> {
    let mut response = Response::builder().status(answer.status);
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(&answer.headers);
    }
    Ok(response.body(answer.body.into())?)
}

/// Seconds until `at`, counted from the answer's own clock.
pub(super) fn until(answer: &Answer, at: Timestamp) -> Option<Duration> {
    let date = answer.headers.get(DATE)?.to_str().ok()?;
    let now = DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(at.duration_since(now).try_into().unwrap_or_default())
}

/// Is the answer one of a limit?
pub(super) fn is_limit(status: StatusCode) -> bool {
    [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS].contains(&status)
}
