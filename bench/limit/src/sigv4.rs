//! AWS Signature Version 4, of requests without a query.

use crate::Error;
use ring::{digest, hmac};
use std::fmt::Write as _;
use time::OffsetDateTime;
use time::macros::format_description;

pub struct Signer<'a> {
    pub access_key_id: &'a str,
    pub secret_access_key: &'a str,
    pub region: &'a str,
    pub service: &'a str,
}

/// The two headers that carry the signature: `x-amz-date` and `authorization`.
pub struct Signed {
    pub date: String,
    pub authorization: String,
}

impl Signer<'_> {
    /// One POST to the root path, as STS takes it. `headers` are lower-case; `x-amz-date` is added here.
    pub fn sign(&self, headers: &[(&str, &str)], body: &[u8], now: OffsetDateTime) -> Result<Signed, Error> {
        self.sign_request("POST", "/", headers, &hex(digest::digest(&digest::SHA256, body)), now)
    }

    /// The path is as it goes over the wire; `payload` is the body's SHA-256, or what S3 takes instead.
    pub fn sign_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        payload: &str,
        now: OffsetDateTime,
    ) -> Result<Signed, Error> {
        let date = now.format(format_description!("[year][month][day]T[hour][minute][second]Z"))?;
        let day = &date[..8];

        let mut headers: Vec<_> = headers.iter().copied().chain([("x-amz-date", date.as_str())]).collect();
        headers.sort_unstable();
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let mut canonical = format!("{method}\n{path}\n\n");
        for (name, value) in &headers {
            writeln!(canonical, "{name}:{value}")?;
        }
        write!(canonical, "\n{names}\n{payload}")?;

        let credential_scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let canonical_digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{credential_scope}\n{canonical_digest}");

        let first = format!("AWS4{}", self.secret_access_key);
        let key = [day, self.region, self.service, "aws4_request"]
            .iter()
            .fold(hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes()), |key, part| {
                hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
            });
        let signature = hex(hmac::sign(&key, to_sign.as_bytes()));

        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{credential_scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key_id
        );
        Ok(Signed { date, authorization })
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    /// `post-vanilla` of AWS's Signature Version 4 test suite.
    #[test]
    fn signs_as_the_published_suite_does() {
        let signer = Signer {
            access_key_id: "AKIDEXAMPLE",
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "service",
        };
        let signed = signer
            .sign(&[("host", "example.amazonaws.com")], b"", datetime!(2015-08-30 12:36:00 UTC))
            .unwrap();
        assert_eq!(signed.date, "20150830T123600Z");
        assert!(
            signed
                .authorization
                .ends_with("Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            "{}",
            signed.authorization
        );
    }
}
